import { watch, type FSWatcher } from 'node:fs';
import { basename, dirname } from 'node:path';

interface WatchedDirectory {
  readonly watcher: FSWatcher;
  /** By the file's name. */
  readonly listeners: Map<string, Set<() => void>>;
}

/**
 * Tells of what happens to files behind our back, before anything that is asked afterwards: the kernel notes it (inotify)
 * while it happens, and events come in order. Changes over a network, on another machine, are not among them.
 */
export class FileWatches {
  readonly #directories = new Map<string, WatchedDirectory>();

  /**
   * Calls back once, when the file is written, cut, renamed, replaced or deleted, or that cannot be known any more.
   * The result ends it, and must be called unless it was called back. Undefined where files cannot be watched.
   */
  watch(path: string, onChanged: () => void): (() => void) | undefined {
    const [directory, name] = [dirname(path), basename(path)];
    const watched = this.#directories.get(directory) ?? this.#open(directory);
    if (watched === undefined) return undefined;
    const listeners = watched.listeners.get(name) ?? new Set();
    watched.listeners.set(name, listeners.add(onChanged));
    return () => {
      listeners.delete(onChanged);
      if (listeners.size === 0 && watched.listeners.get(name) === listeners) watched.listeners.delete(name);
      if (watched.listeners.size === 0) this.#close(directory, watched);
    };
  }

  #open(directory: string): WatchedDirectory | undefined {
    let watcher: FSWatcher;
    try {
      watcher = watch(directory, { persistent: false });
    } catch {
      // It is gone, or the system's limit of watches is reached.
      return undefined;
    }
    const watched: WatchedDirectory = { watcher, listeners: new Map() };
    watcher.on('change', (_event, name) => this.#tell(directory, watched, String(name)));
    watcher.on('error', () => this.#tellAll(directory, watched));
    this.#directories.set(directory, watched);
    return watched;
  }

  #tell(directory: string, watched: WatchedDirectory, name: string): void {
    // Of the directory itself: what comes under its name from now on is another one.
    if (name === basename(directory)) {
      this.#tellAll(directory, watched);
      return;
    }
    const listeners = watched.listeners.get(name);
    if (listeners === undefined) return;
    watched.listeners.delete(name);
    if (watched.listeners.size === 0) this.#close(directory, watched);
    for (const onChanged of listeners) onChanged();
  }

  #tellAll(directory: string, watched: WatchedDirectory): void {
    this.#close(directory, watched);
    const all = [...watched.listeners.values()].flatMap((listeners) => [...listeners]);
    watched.listeners.clear();
    for (const onChanged of all) onChanged();
  }

  #close(directory: string, watched: WatchedDirectory): void {
    watched.watcher.close();
    if (this.#directories.get(directory) === watched) this.#directories.delete(directory);
  }
}
