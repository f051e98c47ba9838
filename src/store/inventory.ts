import type { Digest } from '../oci/digest.ts';
import type { Log } from '../telemetry/log.ts';
import type { Meter } from '../telemetry/metrics.ts';
import type { Catalog, ContentRecord } from './catalog.ts';
import type { ContentReader, ContentStore, StoredObject } from './content-store.ts';
import { errorCode } from './files.ts';

/** What we hold: rows and files as one. What ends here ends in both. */
export interface Inventory {
  /** What is here, by its digest; while the catalog is being made whole also what has lost its row. */
  find(digest: Digest): Promise<ContentRecord | undefined>;
  /**
   * Opens the file of a row; the caller must `close` it. Undefined when it is gone or cut: then the row goes too. What
   * its `verify` finds damaged is quarantined when that resolves. Rejects with what the disk says.
   */
  open(object: StoredObject): Promise<ContentReader | undefined>;
  /** Harmless when it is absent. Rejects with what the disk says; the row is gone then too. */
  remove(object: StoredObject): Promise<void>;
  /** Puts damaged content aside; counts and logs it. */
  quarantine(object: StoredObject): Promise<void>;
  /** Reading it failed with `error`: where that is the place on the disk, it goes, and will be fetched onto another. */
  reportUnreadable(object: StoredObject, error: unknown): Promise<void>;
}

export interface InventoryOptions {
  readonly content: ContentStore;
  readonly catalog: Catalog;
  readonly log: Log;
  readonly meter: Meter;
  /** Looks for content without a row, while that may be. */
  findLost(digest: Digest): Promise<ContentRecord | undefined>;
}

export function createInventory({ content, catalog, log, meter, findLost }: InventoryOptions): Inventory {
  /**
   * The row first: the other way round, it could be taken from content that came back in between. A crash leaves a file
   * without a row or, since rows are written in batches, a row without a file; the next start puts both right.
   */
  async function remove(object: StoredObject): Promise<void> {
    void catalog.removeContent(object.digest);
    await content.remove(object);
  }

  return {
    find: async (digest) => catalog.findContent(digest) ?? (await findLost(digest)),
    async open(object) {
      const reader = await content.open(object);
      if (reader === undefined) {
        meter.damaged('missing');
        log.warn({ digest: object.digest, sizeBytes: object.sizeBytes }, 'stored content is missing or cut');
        await remove(object);
      }
      return reader;
    },
    remove,
    async quarantine(object) {
      meter.damaged('changed');
      log.error({ digest: object.digest, sizeBytes: object.sizeBytes }, 'stored content is damaged and put aside');
      void catalog.removeContent(object.digest);
      await content.quarantine(object);
    },
    async reportUnreadable(object, error) {
      if (!isBadPlace(error)) return;
      meter.damaged('unreadable');
      log.error({ digest: object.digest, err: error }, 'stored content cannot be read and is removed');
      await remove(object);
    },
  };
}

/** EIO, and what some file systems say of checksums and structures. */
function isBadPlace(error: unknown): boolean {
  const code = errorCode(error);
  return code === 'EIO' || code === 'EBADMSG' || code === 'EUCLEAN';
}
