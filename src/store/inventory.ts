import { computeDigest, digestAlgorithm, type Digest } from '../oci/digest.ts';
import type { Clock } from '../telemetry/clock.ts';
import type { Log } from '../telemetry/log.ts';
import type { Meter } from '../telemetry/metrics.ts';
import type { Catalog, ContentRecord, StoredContent } from './catalog.ts';
import type { ContentReader, ContentStore, StoredObject } from './content-store.ts';
import { errorCode } from './files.ts';
import { ManifestMemory } from './manifest-memory.ts';
import { createMemoryWatch } from './memory-watch.ts';

/** What we hold: rows and files as one. What ends here ends in both. */
export interface Inventory {
  /** What is here, by its digest; while the catalog is being made whole also what has lost its row. */
  find(digest: Digest): Promise<StoredContent | undefined>;
  /** The bytes of a manifest that is here, verified. As `open`, and undefined when they were damaged. */
  readManifest(object: StoredObject): Promise<Uint8Array | undefined>;
  /** The same at once, where it is in memory; the bytes are shared. Its file is looked at afterwards. */
  recallManifest(digest: Digest): RecalledManifest | undefined;
  /** Verified bytes of a manifest that has just come. */
  rememberManifest(digest: Digest, bytes: Uint8Array): void;
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

export interface RecalledManifest {
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
  /** A file is left without a row: the next start has to compare. */
  onOrphan(): void;
}

export function createInventory(options: InventoryOptions): Inventory {
  const { content, catalog, log, meter } = options;
  const manifests = new ManifestMemory();
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
    let reader: ContentReader | undefined;
    try {
      reader = await open(object);
      if (reader?.isTrusted === false) await reader.verify();
    } catch (error) {
      log.debug({ digest, err: error }, 'a file whose content is in memory cannot be looked at');
    } finally {
      reader?.close();
    }
  }

  return {
    find: async (digest) => catalog.findStored(digest) ?? (await options.findLost(digest)),
    open,
    async readManifest(object) {
      const { digest } = object;
      const remembered = manifests.find(digest);
      if (remembered !== undefined) {
        watch.used(digest);
        return remembered;
      }
      const reader = await open(object);
      const bytes = reader && (await readWhole(reader));
      if (bytes === undefined) return undefined;
      if (computeDigest(digestAlgorithm(digest), bytes) === digest) {
        manifests.keep(digest, bytes);
        return bytes;
      }
      await quarantine(object);
      return undefined;
    },
    recallManifest(digest) {
      const bytes = manifests.find(digest);
      const object = bytes && catalog.findStored(digest);
      if (bytes === undefined || object === undefined) return undefined;
      watch.used(digest);
      return { object, bytes };
    },
    rememberManifest: (digest, bytes) => manifests.keep(digest, bytes),
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

/** Closes the reader. Undefined when there is less than there was. */
async function readWhole(reader: ContentReader): Promise<Uint8Array | undefined> {
  try {
    const bytes = Buffer.allocUnsafeSlow(reader.sizeBytes);
    return (await reader.read(0, bytes)) === bytes.length ? bytes : undefined;
  } finally {
    reader.close();
  }
}

/** EIO, and what some file systems say of checksums and structures. */
function isBadPlace(error: unknown): boolean {
  const code = errorCode(error);
  return code === 'EIO' || code === 'EBADMSG' || code === 'EUCLEAN';
}
