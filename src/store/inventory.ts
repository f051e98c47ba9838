import type { Digest } from '../oci/digest.ts';
import type { Clock } from '../telemetry/clock.ts';
import type { Log } from '../telemetry/log.ts';
import type { Meter } from '../telemetry/metrics.ts';
import type { Catalog, ContentRecord, StoredContent } from './catalog.ts';
import type { ContentReader, ContentStore, StoredObject } from './content-store.ts';
import { ContentMemory } from './content-memory.ts';
import { errorCode } from './files.ts';
import { createMemoryWatch } from './memory-watch.ts';

/** What we hold: rows and files as one. What ends here ends in both. */
export interface Inventory {
  /** What is here, by its digest; while the catalog is being made whole also what has lost its row. */
  find(digest: Digest): Promise<StoredContent | undefined>;
  /** Whether content of this size stays in memory when it is read whole. */
  remembers(sizeBytes: number): boolean;
  /** All bytes of small content that is here, verified. Undefined when it is gone, cut or damaged: then the row goes too. */
  readWhole(object: StoredObject): Promise<Uint8Array | undefined>;
  /** The same at once, where it is in memory; the bytes are shared. Its file is looked at afterwards. */
  recall(digest: Digest): RecalledContent | undefined;
  /** Verified bytes that have just come. */
  remember(digest: Digest, bytes: Uint8Array): void;
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
  /** Ends the looks at files; call before the catalog is closed. */
  close(): Promise<void>;
}

export interface RecalledContent {
  readonly object: StoredContent;
  readonly bytes: Uint8Array;
}

export interface InventoryOptions {
  readonly content: ContentStore;
  readonly catalog: Catalog;
  readonly clock: Clock;
  readonly log: Log;
  readonly meter: Meter;
  /** Looks for content without a row, while that may be. */
  findLost(digest: Digest): Promise<ContentRecord | undefined>;
  /** Content up to this size stays in memory when it was read whole; default 256 KiB. */
  readonly rememberedBytes?: number;
  /** A file is left without a row: the next start has to compare. */
  onOrphan(): void;
}

export function createInventory(options: InventoryOptions): Inventory {
  const { content, catalog, log, meter, rememberedBytes = 256 * 1024 } = options;
  const memory = new ContentMemory(rememberedBytes);
  const watch = createMemoryWatch(options.clock, look);

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

  async function open(object: StoredObject): Promise<ContentReader | undefined> {
    const reader = await content.open(object);
    if (reader === undefined) {
      meter.damaged('missing');
      log.warn({ digest: object.digest, sizeBytes: object.sizeBytes }, 'stored content is missing or cut');
      await drop(object, () => content.remove(object));
    }
    return reader;
  }

  async function quarantine(object: StoredObject): Promise<void> {
    meter.damaged('changed');
    log.error({ digest: object.digest, sizeBytes: object.sizeBytes }, 'stored content is damaged and put aside');
    await drop(object, () => content.quarantine(object));
  }

  /** Whether the file of what is in memory is still what it was; what the disk says is for those who need it. */
  async function look(digest: Digest): Promise<void> {
    const object = catalog.findStored(digest);
    if (object === undefined) return;
    try {
      const reader = await open(object);
      const isRight = reader !== undefined && (await isVerified(reader));
      if (!isRight) await restore(object);
    } catch (error) {
      log.debug({ digest, err: error }, 'a file whose content is in memory cannot be looked at');
    }
  }

  /** A blob that everybody may see is put back as it was; what else the row knew, of other content, only upstream can say. */
  async function restore(object: StoredContent): Promise<void> {
    const bytes = memory.find(object.digest);
    if (bytes === undefined || object.mediaType !== undefined || object.provenance !== 'public') return;
    await content.put(object, bytes);
    void catalog.addContent(object, { mediaType: undefined });
  }

  return {
    find: async (digest) => catalog.findStored(digest) ?? (await options.findLost(digest)),
    open,
    async readWhole(object) {
      const { digest } = object;
      const remembered = memory.find(digest);
      if (remembered !== undefined) watch.used(digest);
      const bytes = remembered ?? (await readVerified(await open(object)));
      if (bytes !== undefined) memory.keep(digest, bytes);
      return bytes;
    },
    remembers: (sizeBytes) => sizeBytes <= rememberedBytes,
    recall(digest) {
      const bytes = memory.find(digest);
      const object = bytes && catalog.findStored(digest);
      if (bytes === undefined || object === undefined) return undefined;
      watch.used(digest);
      return { object, bytes };
    },
    remember: (digest, bytes) => memory.keep(digest, bytes),
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
    quarantine,
    async reportUnreadable(object, error) {
      if (!isBadPlace(error)) return;
      meter.damaged('unreadable');
      log.error({ digest: object.digest, err: error }, 'stored content cannot be read and is removed');
      await drop(object, () => content.remove(object));
    },
    close: () => watch.close(),
  };
}

/** Closes the reader. */
async function isVerified(reader: ContentReader): Promise<boolean> {
  try {
    return reader.isTrusted || (await reader.verify());
  } finally {
    reader.close();
  }
}

/** Closes the reader. Undefined when it is damaged, or there is less than there was. */
async function readVerified(reader: ContentReader | undefined): Promise<Uint8Array | undefined> {
  try {
    if (reader === undefined || !(reader.isTrusted || (await reader.verify()))) return undefined;
    const bytes = Buffer.allocUnsafeSlow(reader.sizeBytes);
    return (await reader.read(0, bytes)) === bytes.length ? bytes : undefined;
  } finally {
    reader?.close();
  }
}

/** EIO, and what some file systems say of checksums and structures. */
function isBadPlace(error: unknown): boolean {
  const code = errorCode(error);
  return code === 'EIO' || code === 'EBADMSG' || code === 'EUCLEAN';
}
