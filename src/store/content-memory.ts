import { LRUCache } from 'lru-cache';
import type { Digest } from '../oci/digest.ts';

/** Manifests and small blobs of some hundred to some thousand images. */
const maxBytes = 32 * 1024 * 1024;

/**
 * Verified bytes of small content that was used lately. The digest says what they are, so they are never wrong;
 * whether the content is here, and who may see it, is the catalog's to say.
 */
export class ContentMemory {
  readonly #bytes = new LRUCache<Digest, Uint8Array>({
    maxSize: maxBytes,
    // Beside the bytes: the entry, and the buffer that they are in.
    sizeCalculation: (bytes) => bytes.length + 512,
  });

  readonly #maxEntryBytes: number;

  /** What is larger than `maxEntryBytes` is not kept: opening a file costs little beside reading it. */
  constructor(maxEntryBytes: number) {
    this.#maxEntryBytes = maxEntryBytes;
  }

  find(digest: Digest): Uint8Array | undefined {
    return this.#bytes.get(digest);
  }

  keep(digest: Digest, bytes: Uint8Array): void {
    if (bytes.length <= this.#maxEntryBytes) this.#bytes.set(digest, bytes);
  }
}
