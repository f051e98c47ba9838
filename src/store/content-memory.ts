import { LRUCache } from 'lru-cache';
import type { Digest } from '../oci/digest.ts';

/** Manifests and small blobs of some hundred to some thousand images. */
const maxBytes = 32 * 1024 * 1024;

export interface RememberedContent {
  readonly bytes: Uint8Array;
  /** Called when it is not in memory any more, for whatever reason. */
  readonly endWatch: () => void;
}

/**
 * Verified bytes of small content that was used lately and whose file has not been touched since. Whether the content is
 * here, and who may see it, is the catalog's to say.
 */
export class ContentMemory {
  readonly #contents = new LRUCache<Digest, RememberedContent>({
    maxSize: maxBytes,
    // Beside the bytes: the entry, the watch, and the buffer that they are in.
    sizeCalculation: ({ bytes }) => bytes.length + 1024,
    dispose: ({ endWatch }) => endWatch(),
  });

  find(digest: Digest): Uint8Array | undefined {
    return this.#contents.get(digest)?.bytes;
  }

  keep(digest: Digest, content: RememberedContent): void {
    this.#contents.set(digest, content);
  }

  forget(digest: Digest): void {
    this.#contents.delete(digest);
  }

  clear(): void {
    this.#contents.clear();
  }
}
