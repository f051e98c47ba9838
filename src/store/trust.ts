import type { Stats } from 'node:fs';
import { LRUCache } from 'lru-cache';
import type { Digest } from '../oci/digest.ts';

/** Some 15 MB; what falls out is verified once more when it is read again. */
const maxFiles = 100_000;

/**
 * Which files have been found to hold what their names say since the start. A file is known by its inode and the time of
 * its last change: whatever is done to it, also behind our back, makes it another one.
 */
export class Trust {
  readonly #files = new LRUCache<Digest, string>({ max: maxFiles });

  has(digest: Digest, facts: Stats): boolean {
    return this.#files.get(digest) === identify(facts);
  }

  /** `facts` as they were before the file was read. */
  add(digest: Digest, facts: Stats): void {
    this.#files.set(digest, identify(facts));
  }

  /** It has been found to hold something else, whatever its times say. */
  remove(digest: Digest, facts: Stats): void {
    if (this.has(digest, facts)) this.#files.delete(digest);
  }
}

/** Of a file as `stat` shows it. */
export function identify({ ino, ctimeMs }: Stats): string {
  return `${ino} ${ctimeMs}`;
}
