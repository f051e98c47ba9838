import { emptyDigests, type Digest } from '../oci/digest.ts';
import type { Catalog } from '../store/catalog.ts';
import type { ContentReader, StoredObject } from '../store/content-store.ts';
import type { Inventory } from '../store/inventory.ts';
import { blobUnknown, hideDenial } from './absent.ts';
import type { BufferPool } from './fill/buffer-pool.ts';
import type { Bypasses } from './fill/bypass.ts';
import { repositoryOf, type Door } from './door.ts';
import type { Fills } from './fill/fills.ts';
import { verifyFirstBytes } from './fill/fill-limits.ts';
import { followFill } from './fill/followed-blob.ts';
import type { Misses } from './misses.ts';
import type { Demand, ServedBlob, ServedBlobHead } from './pull.ts';
import { serveStored } from './stored-blob.ts';
import type { Visibility } from './visibility.ts';

export interface BlobPullsOptions {
  readonly inventory: Inventory;
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
      if (stored !== undefined) return this.#serveStored(stored);
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

  /** Undefined when it is not here, or cannot be read, so that upstream has to do. */
  async #openStored(door: Door, digest: Digest): Promise<Stored | undefined> {
    const { inventory, catalog, visibility, onStoreError } = this.#options;
    const object = await inventory.find(digest);
    if (object === undefined) return undefined;
    await visibility.requireStored(object, door, 'blob');
    let reader: ContentReader | undefined;
    try {
      reader = await inventory.open(object);
      if (reader === undefined || !(await isFit(reader))) {
        reader?.close();
        return undefined;
      }
    } catch (error) {
      reader?.close();
      onStoreError('open', error);
      return undefined;
    }
    catalog.touchContent(digest);
    return { object, reader };
  }

  #serveStored({ object, reader }: Stored): ServedBlob {
    const { buffers } = this.#options;
    return serveStored(object, reader, {
      buffers,
      onUnreadable: (error) => void this.#reportUnreadable(object, error),
    });
  }

  async #reportUnreadable(object: StoredObject, error: unknown): Promise<void> {
    const { inventory, onStoreError } = this.#options;
    onStoreError('read', error);
    try {
      await inventory.reportUnreadable(object, error);
    } catch (failure) {
      onStoreError('remove', failure);
    }
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

interface Stored {
  readonly object: StoredObject;
  readonly reader: ContentReader;
}

/** Small objects are verified before anything is promised: a damaged one is a miss, and nobody notices. */
async function isFit(reader: ContentReader): Promise<boolean> {
  return reader.isTrusted || reader.sizeBytes > verifyFirstBytes || (await reader.verify());
}
