import { LRUCache } from 'lru-cache';
import type { Digest } from '../oci/digest.ts';

/** Manifests of a few thousand images, most of them some kilobytes large. */
const maxBytes = 16 * 1024 * 1024;
/** One that takes much of it is read from the disk each time. */
const maxManifestBytes = maxBytes / 16;

/**
 * Verified bytes of manifests that were used lately. The digest says what they are, so they are never wrong;
 * whether the manifest is here, and who may see it, is the catalog's to say.
 */
export class ManifestMemory {
  readonly #bytes = new LRUCache<Digest, Uint8Array>({
    maxSize: maxBytes,
    maxEntrySize: maxManifestBytes,
    // Beside the bytes: the entry, and the buffer that they are in.
    sizeCalculation: (bytes) => bytes.length + 512,
  });

  find(digest: Digest): Uint8Array | undefined {
    return this.#bytes.get(digest);
  }

  keep(digest: Digest, bytes: Uint8Array): void {
    this.#bytes.set(digest, bytes);
  }
}
