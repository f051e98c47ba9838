import { computeDigest, digestAlgorithm, type Digest } from '../oci/digest.ts';
import type { Log } from '../telemetry/log.ts';
import type { Meter } from '../telemetry/metrics.ts';
import type { Catalog, ContentRecord, StoredContent } from './catalog.ts';
import type { ContentReader, ContentStore, StoredObject } from './content-store.ts';
import { ContentMemory } from './content-memory.ts';
import { errorCode } from './files.ts';

/** What we hold: rows and files as one. What ends here ends in both. */
export interface Inventory {
  /** What is here, by its digest; while the catalog is being made whole also what has lost its row. */
  find(digest: Digest): Promise<StoredContent | undefined>;
  /** Whether content of this size stays in memory when it is read whole. */
  remembers(sizeBytes: number): boolean;
  /** All bytes of small content that is here, verified. Undefined when it is gone, cut or damaged: then the row goes too. */
  readWhole(object: StoredObject): Promise<Uint8Array | undefined>;
  /** The same at once, where it is in memory since its file last changed, or not on file yet; the bytes are shared. */
  recall(digest: Digest): RecalledContent | undefined;
  /**
   * Makes content of verified bytes that are not here: it is found and read at once, and on file when `write` resolves.
   * Rejects as that does; then nothing of it is here any more.
   */
  add(added: AddedContent, write: () => Promise<void>): Promise<void>;
  /** Whether it is being added: it has its row already, and no file yet. */
  isArriving(digest: Digest): boolean;
  /** Resolves when it is not being added, or not any more; never rejects. */
  whenAdded(digest: Digest): Promise<void>;
  /**
   * Opens the file of a row; the caller must `close` it. Undefined when it is gone or cut: then the row goes too. What
   * its `verify` finds damaged is quarantined when that resolves. Rejects with what the disk says. What is being added
   * is read from memory.
   */
  open(object: StoredObject): Promise<ContentReader | undefined>;
  /** Harmless when it is absent. Rejects with what the disk says: then it is still here. */
  remove(record: ContentRecord): Promise<void>;
  /** Puts damaged content aside; counts and logs it. Nobody gets it any more, also when the disk refuses and this rejects. */
  quarantine(object: StoredObject): Promise<void>;
  /** Reading it failed with `error`: where that is the place on the disk, it goes, and will be fetched onto another. */
  reportUnreadable(object: StoredObject, error: unknown): Promise<void>;
  /** Forgets what is in memory, and watches no file any more. Resolves when nothing is on its way to a file. */
  close(): Promise<void>;
}

export interface AddedContent {
  readonly object: StoredObject;
  readonly mediaType: string | undefined;
  readonly bytes: Uint8Array;
}

export interface RecalledContent {
  readonly object: StoredContent;
  readonly bytes: Uint8Array;
}

export interface InventoryOptions {
  readonly content: ContentStore;
  readonly catalog: Catalog;
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
  const memory = new ContentMemory();
  const reading = new Map<Digest, Promise<Uint8Array | undefined>>();
  /** Has its row, but no file yet. */
  const arriving = new Map<Digest, { readonly bytes: Uint8Array; readonly whenSettled: Promise<void> }>();

  /**
   * The row first: the other way round, it could be taken from content that came back in between. A crash leaves a file
   * without a row or, since rows are written in batches, a row without a file; the next start puts both right.
   */
  async function drop({ digest }: StoredObject, takeFile: () => Promise<void>): Promise<void> {
    void catalog.removeContent(digest);
    await takeOrphan(takeFile);
  }

  async function takeOrphan(takeFile: () => Promise<void>): Promise<void> {
    try {
      await takeFile();
    } catch (error) {
      options.onOrphan();
      throw error;
    }
  }

  async function open(object: StoredObject): Promise<ContentReader | undefined> {
    const added = arriving.get(object.digest);
    if (added !== undefined) return readAdded(added.bytes);
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

  function findInMemory(digest: Digest): Uint8Array | undefined {
    return memory.find(digest) ?? arriving.get(digest)?.bytes;
  }

  async function add({ object, mediaType, bytes }: AddedContent, write: () => Promise<void>): Promise<void> {
    const { digest } = object;
    void catalog.addContent(object, { mediaType });
    const { promise: whenSettled, resolve: settle } = Promise.withResolvers<void>();
    const entry = { bytes, whenSettled };
    arriving.set(digest, entry);
    try {
      await write();
      // Taken away while its file was on the way.
      if (catalog.findStored(digest) === undefined) await takeOrphan(() => content.remove(object));
    } catch (error) {
      // Unless it was taken away meanwhile, and has come again.
      if (arriving.get(digest) === entry) void catalog.removeContent(digest);
      throw error;
    } finally {
      if (arriving.get(digest) === entry) arriving.delete(digest);
      settle();
    }
  }

  /** Once however many want it at the same time. */
  async function readShared(object: StoredObject): Promise<Uint8Array | undefined> {
    const { digest } = object;
    const running = reading.get(digest) ?? read(object).finally(() => reading.delete(digest));
    reading.set(digest, running);
    return await running;
  }

  async function read(object: StoredObject): Promise<Uint8Array | undefined> {
    if (object.sizeBytes <= rememberedBytes) return await readAndRemember(object);
    return await readVerified(await open(object), object.digest);
  }

  async function readAndRemember(object: StoredObject): Promise<Uint8Array | undefined> {
    const { digest } = object;
    let isChanged = false;
    // Watched before it is read: no change goes unnoticed.
    const endWatch = await content.watch(object, () => {
      isChanged = true;
      memory.forget(digest);
    });
    let isKept = false;
    try {
      const bytes = await readVerified(await open(object), digest);
      if (bytes === undefined || endWatch === undefined || isChanged) return bytes;
      memory.keep(digest, { bytes, endWatch });
      isKept = true;
      return bytes;
    } finally {
      if (!isKept) endWatch?.();
    }
  }

  return {
    add,
    isArriving: (digest) => arriving.has(digest),
    whenAdded: async (digest) => await arriving.get(digest)?.whenSettled,
    find: async (digest) => catalog.findStored(digest) ?? (await options.findLost(digest)),
    open,
    readWhole: async (object) => findInMemory(object.digest) ?? (await readShared(object)),
    remembers: (sizeBytes) => sizeBytes <= rememberedBytes,
    recall(digest) {
      const bytes = findInMemory(digest);
      const object = bytes && catalog.findStored(digest);
      return bytes && object && { object, bytes };
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
    quarantine,
    async reportUnreadable(object, error) {
      if (!isBadPlace(error)) return;
      meter.damaged('unreadable');
      log.error({ digest: object.digest, err: error }, 'stored content cannot be read and is removed');
      await drop(object, () => content.remove(object));
    },
    async close() {
      memory.clear();
      await Promise.all([...arriving.values()].map(({ whenSettled }) => whenSettled));
    },
  };
}

function readAdded(bytes: Uint8Array): ContentReader {
  return {
    sizeBytes: bytes.length,
    isTrusted: true,
    verify: () => Promise.resolve(true),
    read(position, into) {
      const run = bytes.subarray(position, position + into.length);
      into.set(run);
      return Promise.resolve(run.length);
    },
    close() {},
  };
}

/** Closes the reader. Undefined when it is damaged, or there is less than there was. */
async function readVerified(reader: ContentReader | undefined, digest: Digest): Promise<Uint8Array | undefined> {
  if (reader === undefined) return undefined;
  try {
    const bytes = Buffer.allocUnsafeSlow(reader.sizeBytes);
    const isWhole = (await reader.read(0, bytes)) === bytes.length;
    if (isWhole && computeDigest(digestAlgorithm(digest), bytes) === digest) return bytes;
    await reader.verify({ isAnew: true });
    return undefined;
  } finally {
    reader.close();
  }
}

/** EIO, and what some file systems say of checksums and structures. */
function isBadPlace(error: unknown): boolean {
  const code = errorCode(error);
  return code === 'EIO' || code === 'EBADMSG' || code === 'EUCLEAN';
}
