import { stat } from 'node:fs/promises';
import { watchFile } from '../config/watch-file.ts';
import type { Clock } from '../telemetry/clock.ts';
import type { Log } from '../telemetry/log.ts';

export interface WatchedFilesOptions {
  /** Absolute. */
  readonly files: readonly string[];
  readonly clock: Clock;
  readonly log: Log;
  /** One of them may have changed. Never called again before it has ended. */
  look(): Promise<void>;
}

export interface WatchedFiles {
  /** Looks now, or once more when it looks already. */
  look(): void;
  close(): void;
}

/** Where a file system tells nothing (network file systems), or tells it too late. */
const pollMs = 1_000;

/** Watches files by their directories and, in case that shows nothing, looks at them each second. */
export function watchFiles({ files, clock, log, look }: WatchedFilesOptions): WatchedFiles {
  let isClosed = false;
  let [seen, looked]: (string | undefined)[] = [];
  let running: Promise<void> | undefined;
  let isWanted = false;

  async function run(): Promise<void> {
    do {
      isWanted = false;
      await look();
    } while (isWanted && !isClosed);
    running = undefined;
  }

  function want(): void {
    isWanted = true;
    if (!isClosed) running ??= run();
  }

  async function poll(): Promise<void> {
    const version = (await Promise.all(files.map(versionOf))).join();
    if (isClosed) return;
    // Not while it is being written.
    if (version !== looked && version === seen) {
      looked = version;
      want();
    }
    seen = version;
    timer = clock.startTimer(pollMs, () => void poll());
  }

  const watches = files.map((file) =>
    watchFile({
      file,
      onChange: want,
      onError: (err) =>
        log.warn({ err, file }, 'the directory of this file cannot be watched; it is looked at each second'),
      startTimer: (delayMs, onTime) => clock.startTimer(delayMs, onTime),
    }),
  );
  let timer = clock.startTimer(pollMs, () => void poll());
  return {
    look: want,
    close() {
      isClosed = true;
      timer.stop();
      for (const watch of watches) watch.close();
    },
  };
}

/** With the inode: an orchestrator swaps a symbolic link to files of equal size and age. */
async function versionOf(file: string): Promise<string> {
  try {
    const { mtimeMs, size, ino } = await stat(file);
    return `${mtimeMs} ${size} ${ino}`;
  } catch {
    return 'none';
  }
}
