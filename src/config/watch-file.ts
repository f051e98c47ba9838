import { readFileSync, readlinkSync, realpathSync, watch, type FSWatcher } from 'node:fs';
import { dirname, resolve } from 'node:path';

export interface FileWatchOptions {
  /** Absolute. */
  readonly file: string;
  /** Its content is another one, or it is gone. */
  onChange(): void;
  /** A directory cannot be watched; changes in it are no longer seen. */
  onError(error: unknown): void;
  /** As of a clock: calls back once. */
  startTimer(delayMs: number, onTime: () => void): { stop(): void };
}

export interface FileWatch {
  close(): void;
}

/** Editors write in several steps: what is there counts when it is still the same after so long. */
const settleMs = 200;

/** As many symbolic links as the system follows from one file to another. */
const maxLinks = 40;

/**
 * Watches a file by the directories that it is in, its own and, behind symbolic links, those of the links and of the
 * file: editors put a new file in the old one's place, and Kubernetes swaps a link to the directory of a ConfigMap.
 */
export function watchFile({ file, onChange, onError, startTimer }: FileWatchOptions): FileWatch {
  const watchers = new Map<string, FSWatcher>();
  let known = readText(file);
  let seen = known;
  let timer: { stop(): void } | undefined;
  let isClosed = false;

  function follow(): void {
    const directories = findDirectories(file);
    for (const [directory, watcher] of watchers) {
      if (directories.has(directory)) continue;
      watcher.close();
      watchers.delete(directory);
    }
    for (const directory of directories) if (!watchers.has(directory)) start(directory);
  }

  function start(directory: string): void {
    try {
      const watcher = watch(directory, { persistent: false }, look);
      watchers.set(directory, watcher);
      watcher.on('error', (error) => {
        watcher.close();
        watchers.delete(directory);
        onError(error);
      });
    } catch (error) {
      onError(error);
    }
  }

  /** Whatever happens in the directory: what counts is the content. */
  function look(): void {
    if (isClosed) return;
    timer ??= startTimer(settleMs, () => {
      timer = undefined;
      follow();
      const text = readText(file);
      const isSettled = text === seen;
      seen = text;
      if (!isSettled) look();
      else if (text !== known) {
        known = text;
        onChange();
      }
    });
  }

  follow();
  return {
    close() {
      isClosed = true;
      timer?.stop();
      for (const watcher of watchers.values()) watcher.close();
      watchers.clear();
    },
  };
}

/** Undefined while it cannot be read. */
function readText(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

/** What is not there ends the way; of the file's own directory there is always a name. */
function findDirectories(file: string): ReadonlySet<string> {
  const found = new Set<string>();
  let next = file;
  try {
    for (let links = 0; links < maxLinks; links += 1) {
      found.add(realpathSync(dirname(next)));
      next = resolve(dirname(next), readlinkSync(next));
    }
  } catch {
    // The last one is no link.
  }
  return found.size === 0 ? new Set([dirname(file)]) : found;
}
