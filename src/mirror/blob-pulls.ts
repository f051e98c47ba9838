import { emptyDigests, type Digest } from '../oci/digest.ts';
import type { Catalog } from '../store/catalog.ts';
import type { ContentReader, ContentStore, StoredObject } from '../store/content-store.ts';
import { blobUnknown, hideDenial } from './absent.ts';
import type { BufferPool } from './fill/buffer-pool.ts';
import type { Bypasses } from './fill/bypass.ts';
import { repositoryOf, type Door } from './door.ts';
import type { Fills } from './fill/fills.ts';
import { followFill } from './fill/followed-blob.ts';
import type { Misses } from './misses.ts';
import type { Demand, ServedBlob, ServedBlobHead } from './pull.ts';
import { serveStored } from './stored-blob.ts';
import type { Visibility } from './visibility.ts';

export interface BlobPullsOptions {
  readonly content: ContentStore;
  readonly catalog: Catalog;
  readonly visibility: Visibility;
  readonly misses: Misses;
  readonly fills: Fills;
  readonly buffers: BufferPool;
  readonly bypasses: Bypasses;
  onStoreError(operation: string, error: unknown): void;
}

/** Pulls of blobs: from the store, from a running fill, or by a new one. */
export class BlobPulls {
  readonly #options: BlobPullsOptions;

  constructor(options: BlobPullsOptions) {
    this.#options = options;
  }

  async get(door: Door, digest: Digest, demand: Demand, signal: AbortSignal): Promise<ServedBlob> {
    try {
      const stored = await this.#openStored(door, digest);
      if (stored !== undefined) return serveStored(stored.object, stored.reader, this.#options.buffers);
      return await this.#follow(door, digest, demand, signal);
    } catch (error) {
      throw hideDenial(error, blobUnknown);
    }
  }

  /** Transfers no blob bytes from upstream. */
  async head(door: Door, digest: Digest): Promise<ServedBlobHead> {
    try {
      const stored = await this.#openStored(door, digest);
      if (stored !== undefined) {
        stored.reader.close();
        const { sizeBytes, provenance } = stored.object;
        return { outcome: 'hit', digest, sizeBytes, provenance };
      }
      return await this.#headUpstream(door, digest);
    } catch (error) {
      throw hideDenial(error, blobUnknown);
    }
  }

  async #headUpstream(door: Door, digest: Digest): Promise<ServedBlobHead> {
    const { misses } = this.#options;
    if (await misses.has(door, 'blob', digest)) throw blobUnknown();
    try {
      const { sizeBytes, provenance } = await door.upstream.headBlob(door.repository, digest);
      return { outcome: 'miss', digest, sizeBytes, provenance };
    } catch (error) {
      misses.remember(door, 'blob', digest, error);
      throw error;
    }
  }

  async #openStored(door: Door, digest: Digest): Promise<{ object: StoredObject; reader: ContentReader } | undefined> {
    const { content, catalog, visibility, onStoreError } = this.#options;
    const object = catalog.findContent(digest);
    if (object === undefined) return undefined;
    await visibility.requireStored(object, door, 'blob');
    let reader: ContentReader | undefined;
    try {
      reader = await content.open(object);
    } catch (error) {
      // The bytes may be well: upstream has to do for now.
      onStoreError('open', error);
      return undefined;
    }
    if (reader !== undefined) {
      catalog.touchContent(digest);
      return { object, reader };
    }
    // The file is gone or damaged behind the catalog's back: a miss, and it takes no room.
    void catalog.removeContent(digest);
    await content.remove(object).catch((error: unknown) => onStoreError('remove', error));
    return undefined;
  }

  async #follow(door: Door, digest: Digest, demand: Demand, signal: AbortSignal): Promise<ServedBlob> {
    const { fills, visibility, buffers, bypasses, misses } = this.#options;
    if (fills.find(digest) === undefined && (await misses.has(door, 'blob', digest))) throw blobUnknown();
    signal.throwIfAborted();
    const running = fills.find(digest);
    const sizeHintBytes = this.#sizeHint(door, digest);
    const fill = running ?? fills.start({ digest, ...door, sizeHintBytes });
    const source = fill.sources.join(door.upstream, door.repository);
    try {
      return await followFill({
        fill,
        source,
        // An object of no bytes has no ranges.
        demand: sizeHintBytes === 0 ? { type: 'whole' } : demand,
        outcome: running === undefined ? 'miss' : 'follow',
        visibility,
        buffers,
        bypasses,
        signal,
      });
    } catch (error) {
      // What upstream says of this repository; the fill itself may have failed for another's reasons.
      misses.remember(door, 'blob', digest, source.refusal);
      throw error;
    }
  }

  #sizeHint(door: Door, digest: Digest): number | undefined {
    if (emptyDigests.includes(digest)) return 0;
    return this.#options.catalog.findDescriptor(repositoryOf(door), digest)?.sizeBytes;
  }
}
