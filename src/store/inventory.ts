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
  /** Harmless when it is absent. Rejects with what the disk says: then it is still here. */
  remove(record: ContentRecord): Promise<void>;
  /** Puts damaged content aside; counts and logs it. Nobody gets it any more, also when the disk refuses and this rejects. */
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
  /** A file is left without a row: the next start has to compare. */
  onOrphan(): void;
}

export function createInventory(options: InventoryOptions): Inventory {
  const { content, catalog, log, meter } = options;

  /**
   * The row first: the other way round, it could be taken from content that came back in between. A crash leaves a file
   * without a row or, since rows are written in batches, a row without a file; the next start puts both right.
   */
  async function drop({ digest }: StoredObject, takeFile: () => Promise<void>): Promise<void> {
    void catalog.removeContent(digest);
    try {
      await takeFile();
    } catch (error) {
      options.onOrphan();
      throw error;
    }
  }

  return {
    find: async (digest) => catalog.findContent(digest) ?? (await options.findLost(digest)),
    async open(object) {
      const reader = await content.open(object);
      if (reader === undefined) {
        meter.damaged('missing');
        log.warn({ digest: object.digest, sizeBytes: object.sizeBytes }, 'stored content is missing or cut');
        await drop(object, () => content.remove(object));
      }
      return reader;
    },
    async remove(record) {
      void catalog.removeContent(record.digest);
      try {
        await content.remove(record);
      } catch (error) {
        // The file is still there: so is its row again, though restricted content must prove its links anew.
        const { mediaType, lastUsedMs } = record;
        void catalog.addContent(record, { mediaType, lastUsedMs });
        throw error;
      }
    },
    async quarantine(object) {
      meter.damaged('changed');
      log.error({ digest: object.digest, sizeBytes: object.sizeBytes }, 'stored content is damaged and put aside');
      await drop(object, () => content.quarantine(object));
    },
    async reportUnreadable(object, error) {
      if (!isBadPlace(error)) return;
      meter.damaged('unreadable');
      log.error({ digest: object.digest, err: error }, 'stored content cannot be read and is removed');
      await drop(object, () => content.remove(object));
    },
  };
}

/** EIO, and what some file systems say of checksums and structures. */
function isBadPlace(error: unknown): boolean {
  const code = errorCode(error);
  return code === 'EIO' || code === 'EBADMSG' || code === 'EUCLEAN';
}
