/**
 * Which files are open, so that those that are deleted meanwhile stay in the books: the disk has them until the last
 * one who reads them is done.
 */
export class OpenFiles {
  readonly #live = new Map<string, OpenFile>();
  #lingeringBytes = 0;

  /** Bytes of deleted files that are still open. */
  get lingeringBytes(): number {
    return this.#lingeringBytes;
  }

  /** Somebody has opened the file; the result says, once, that he has closed it. */
  opened(path: string): () => void {
    const file = this.#live.get(path) ?? { path, users: 0, lingeringBytes: 0 };
    this.#live.set(path, file);
    file.users += 1;
    let isOpen = true;
    return () => {
      if (!isOpen) return;
      isOpen = false;
      file.users -= 1;
      if (file.users > 0) return;
      this.#lingeringBytes -= file.lingeringBytes;
      if (this.#live.get(file.path) === file) this.#live.delete(file.path);
    };
  }

  /** The file has another name now; one that had this name before is gone. */
  renamed(from: string, to: string, sizeBytes: number): void {
    this.deleted(to, sizeBytes);
    const file = this.#live.get(from);
    this.#live.delete(from);
    if (file === undefined) return;
    file.path = to;
    this.#live.set(to, file);
  }

  /** The name is gone; whoever opens it from now on opens another file. */
  deleted(path: string, sizeBytes: number): void {
    const file = this.#live.get(path);
    if (file === undefined) return;
    this.#live.delete(path);
    file.lingeringBytes = sizeBytes;
    this.#lingeringBytes += sizeBytes;
  }
}

interface OpenFile {
  path: string;
  users: number;
  lingeringBytes: number;
}
