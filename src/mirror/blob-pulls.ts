import { emptyDigests, type Digest } from '../oci/digest.ts';
import type { Catalog } from '../store/catalog.ts';
import type { ContentReader, StoredObject } from '../store/content-store.ts';
import type { Inventory } from '../store/inventory.ts';
import { blobUnknown, hideDenial } from './absent.ts';
import type { BufferPool } from './fill/buffer-pool.ts';
import type { Bypasses } from './fill/bypass.ts';
import { repositoryOf, type Door } from './door.ts';
import type { FillAdmission, FillPlace } from './fill/fill-admission.ts';
import type { Fills } from './fill/fills.ts';
import { verifyFirstBytes } from './fill/fill-limits.ts';
import { followFill } from './fill/followed-blob.ts';
import type { Misses } from './misses.ts';
import type { Demand, RecalledBlob, ServedBlob, ServedBlobHead } from './pull.ts';
import { serveBytes, serveStored } from './stored-blob.ts';
import type { Visibility } from './visibility.ts';

export interface BlobPullsOptions {
  readonly inventory: Inventory;
  readonly catalog: Catalog;
  readonly visibility: Visibility;
  readonly misses: Misses;
  readonly fills: Fills;
  readonly admission: FillAdmission;
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
      const served = await this.#getStored(door, digest);
      return served ?? (await this.#follow(door, digest, demand, signal));
    } catch (error) {
      throw hideDenial(error, blobUnknown);
    }
  }

  /** Whether `get` would serve it from the store: its file is there and may leave through this door. Nothing of it is read. */
  async has(door: Door, digest: Digest): Promise<boolean> {
    try {
      const object = await this.#findShown(door, digest);
      const reader = object && (await this.#options.inventory.open(object));
      reader?.close();
      return reader !== undefined;
    } catch (error) {
      throw hideDenial(error, blobUnknown);
    }
  }

  /** A small blob at once, where its bytes are in memory and it is known that it may leave through this door. */
  recall(door: Door, digest: Digest): RecalledBlob | undefined {
    const { inventory, catalog, visibility } = this.#options;
    const recalled = inventory.recall(digest);
    if (recalled === undefined || !visibility.isShown(recalled.object, door)) return undefined;
    catalog.touchContent(digest);
    const { object, bytes } = recalled;
    return { outcome: 'hit', digest, sizeBytes: object.sizeBytes, provenance: object.provenance, bytes };
  }

  /** Transfers no blob bytes from upstream. */
  async head(door: Door, digest: Digest): Promise<ServedBlobHead> {
    try {
      const object = await this.#findShown(door, digest);
      const reader = object && (await this.#open(object));
      reader?.close();
      if (object !== undefined && reader !== undefined) {
        return { outcome: 'hit', digest, sizeBytes: object.sizeBytes, provenance: object.provenance };
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
  async #getStored(door: Door, digest: Digest): Promise<ServedBlob | undefined> {
    const { inventory, catalog } = this.#options;
    const object = await this.#findShown(door, digest);
    if (object === undefined) return undefined;
    if (!inventory.remembers(object.sizeBytes)) {
      const reader = await this.#open(object);
      return reader && this.#serveStored(object, reader);
    }
    try {
      const bytes = await inventory.readWhole(object);
      if (bytes === undefined) return undefined;
      catalog.touchContent(digest);
      return serveBytes(object, bytes);
    } catch (error) {
      await this.#reportUnreadable(object, error);
      return undefined;
    }
  }

  async #findShown(door: Door, digest: Digest): Promise<StoredObject | undefined> {
    const { inventory, visibility } = this.#options;
    const object = await inventory.find(digest);
    if (object !== undefined) await visibility.requireStored(object, door, 'blob');
    return object;
  }

  async #open(object: StoredObject): Promise<ContentReader | undefined> {
    const { inventory, catalog, onStoreError } = this.#options;
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
    catalog.touchContent(object.digest);
    return reader;
  }

  #serveStored(object: StoredObject, reader: ContentReader): ServedBlob {
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
    const place = fills.find(digest) === undefined ? await this.#findPlace(door, digest, signal) : undefined;
    const running = fills.find(digest);
    if (running !== undefined) place?.leave();
    const sizeHintBytes = this.#sizeHint(door, digest);
    const fill = running ?? fills.start({ digest, ...door, sizeHintBytes });
    if (running === undefined) this.#options.admission.onStarted(digest);
    // Not when all is written: a disk that hangs would hold the place for ever.
    if (running === undefined) void fill.finished.then(() => place?.leave());
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

  /** A place for a fill, or undefined when there is a fill to follow now. */
  async #findPlace({ upstream }: Door, digest: Digest, signal: AbortSignal): Promise<FillPlace | undefined> {
    const { fills, admission } = this.#options;
    for (;;) {
      const place = admission.tryEnter(upstream.name) ?? (await admission.wait(upstream.name, digest, signal));
      if (place === undefined && fills.find(digest) === undefined) continue;
      if (signal.aborted) place?.leave();
      signal.throwIfAborted();
      return place;
    }
  }

  #sizeHint(door: Door, digest: Digest): number | undefined {
    if (emptyDigests.includes(digest)) return 0;
    return this.#options.catalog.findDescriptor(repositoryOf(door), digest)?.sizeBytes;
  }
}

/** Small objects are verified before anything is promised: a damaged one is a miss, and nobody notices. */
async function isFit(reader: ContentReader): Promise<boolean> {
  return reader.isTrusted || reader.sizeBytes > verifyFirstBytes || (await reader.verify());
}
