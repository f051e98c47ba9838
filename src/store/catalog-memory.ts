import { LRUCache } from 'lru-cache';
import type { Digest } from '../oci/digest.ts';
import type { StoredContent, TagRecord } from './catalog.ts';

/** Some 5 MB. */
const maxRows = 10_000;

/**
 * Rows that were read lately, without what changes behind our back: uses. Only what is in the database and not about to
 * change is kept, so that nothing need be put right when a change fails.
 */
export class CatalogMemory {
  readonly #contents = new LRUCache<Digest, StoredContent>({ max: maxRows });
  readonly #tags = new LRUCache<string, TagRecord>({ max: maxRows });

  content(digest: Digest): StoredContent | undefined {
    return this.#contents.get(digest);
  }

  keepContent(row: StoredContent): void {
    this.#contents.set(row.digest, row);
  }

  tag(key: string): TagRecord | undefined {
    return this.#tags.get(key);
  }

  keepTag(key: string, row: TagRecord): void {
    this.#tags.set(key, row);
  }

  /** Call before the change is applied; while it is pending nothing of it may be kept. */
  forgetContent(digest: Digest): void {
    this.#contents.delete(digest);
  }

  forgetTag(key: string): void {
    this.#tags.delete(key);
  }
}
