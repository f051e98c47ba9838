import type { Pin } from '../oci/pin.ts';
import type { Clock } from '../telemetry/clock.ts';
import type { Events } from '../telemetry/events.ts';
import type { Health } from '../telemetry/health.ts';
import type { Log } from '../telemetry/log.ts';
import type { Meter } from '../telemetry/metrics.ts';
import { createRecent } from './cache-manager-recent.ts';
import type { Catalog } from './catalog.ts';
import type { CatalogBrowse } from './catalog-browse.ts';
import type { ContentStore, StoredObject } from './content-store.ts';
import { makeDirectories, makeDirectory, probeDisk, readDisk, sweepFills } from './directories.ts';
import { createDiskContentStore } from './disk-content-store.ts';
import { createDiskRoom, type DiskRoom } from './disk-room.ts';
import type { FileSystem } from './file-system.ts';
import { checkStoreFormat } from './format.ts';
import { createHashPool } from './hash-pool.ts';
import { createImpatientContentStore } from './impatient-content-store.ts';
import { createInventory, type Inventory } from './inventory.ts';
import { acquireStoreLock, type StoreLock } from './lock.ts';
import { createStorePaths, type StorePaths } from './paths.ts';
import type { Recent } from './recent.ts';
import { createRecoveryMark, type RecoveryMark } from './recovery-mark.ts';
import { noRecovery, startRecovery, type Recovery, type RecoveryOptions } from './recovery.ts';
import { startScrub } from './scrub.ts';
import { createSpace, type Space } from './space.ts';
import { openSqliteCatalog } from './sqlite-catalog.ts';
import { StoreStartError } from './start-error.ts';
import { createStoreFaults, type StoreFaults } from './store-faults.ts';
import { registerStoreGauges } from './store-gauges.ts';

/** Everything that is kept under one directory, owned by this process. */
export interface Store {
  readonly content: ContentStore;
  readonly catalog: Catalog;
  readonly browse: CatalogBrowse;
  readonly inventory: Inventory;
  readonly recent: Recent;
  /** What is not there, apart from what is: whoever asks for names that do not exist pushes nothing else out. */
  readonly misses: Recent;
  readonly space: Space;
  readonly faults: StoreFaults;
  /** Resolves when rows and files agree, if they may not have at the start. */
  readonly whenRecovered: Promise<void>;
  /** From now on these hold; what is too much goes in the background. */
  setBounds(bounds: StoreBounds): void;
  /** Call once, after all readers and partial files are closed. */
  close(): Promise<void>;
}

/** What may change while the store is open. */
export interface StoreBounds {
  /** 0 means no limit. */
  readonly maxSizeBytes: number;
  /** What stays free on the file system. */
  readonly minFreeBytes: number;
  /** Content that nobody used for so long goes; Infinity: it stays. */
  readonly maxIdleMs: number;
  /** In which everything is read again; Infinity: it is not. */
  readonly scrubEveryMs: number;
  /** What never goes. */
  readonly pins: readonly Pin[];
}

export interface StoreOptions extends StoreBounds {
  readonly path: string;
  /** How long to wait for another process to leave the directory. */
  readonly lockWaitMs: number;
  readonly clock: Clock;
  readonly log: Log;
  readonly meter: Meter;
  readonly events: Pick<Events, 'publish'>;
  readonly health: Health;
  /** Default: Node's; a test may bring one that fails. */
  readonly fs?: FileSystem;
}

/**
 * Opens the directory, or makes a new one. What a killed process left is swept or found again.
 * @throws StoreStartError that names the directory and what is wrong with it
 */
export async function openStore(options: StoreOptions): Promise<Store> {
  const paths = createStorePaths(options.path);
  const { lock, isNew } = await takeDirectory(paths, options);
  const { clock, meter } = options;
  let bounds: StoreBounds = options;
  const hashes = createHashPool();
  const disk = createDiskContentStore({
    paths,
    hashes,
    // Called for content that was read, so long after this function.
    onDamaged: (object: StoredObject) => inventory.quarantine(object),
    ...(options.fs === undefined ? {} : { fs: options.fs }),
  });
  const content = createImpatientContentStore(disk, clock);
  const { catalog, state, browse, compare } = await openSqliteCatalog({
    ...options,
    path: paths.catalog,
    get pins() {
      return bounds.pins;
    },
  });
  const stop = new AbortController();
  const mark = createRecoveryMark(paths.restoring, options.log);
  const mayDiffer = mark.isSet || (state === 'new' ? !isNew : state !== 'clean');
  const recovery = recover(mark, mayDiffer, {
    ...options,
    content,
    catalog,
    signal: stop.signal,
    compare: (prefix) => compare(paths.blobs, prefix),
    // Called when there is something to compare, so long after this function.
    isArriving: (digest) => inventory.isArriving(digest),
  });
  const inventory = createInventory({
    ...options,
    content,
    catalog,
    findLost: (digest) => recovery.find(digest),
    onOrphan: () => mark.set(),
  });
  const room = createDiskRoom({
    get minFreeBytes() {
      return bounds.minFreeBytes;
    },
    readDisk: () => readDisk(paths),
  });
  const space = createSpace({
    ...options,
    room,
    content,
    catalog,
    inventory,
    get maxSizeBytes() {
      return bounds.maxSizeBytes;
    },
    get maxIdleMs() {
      return bounds.maxIdleMs;
    },
  });
  const faults = createStoreFaults({ ...options, probe: () => probe(paths, room) });
  const scrub = startScrub({
    catalog,
    inventory,
    faults,
    clock,
    get everyMs() {
      return bounds.scrubEveryMs;
    },
  });
  registerStoreGauges(meter, space, catalog);

  return {
    content,
    catalog,
    browse,
    inventory,
    recent: createRecent({ clock }),
    misses: createRecent({ clock, maxEntries: 20_000, maxBytes: 8 * 1024 * 1024 }),
    space,
    faults,
    setBounds(next) {
      bounds = next;
      void catalog.applyPins();
      space.look();
    },
    whenRecovered: recovery.whenOver.then(() => undefined),
    async close() {
      stop.abort();
      await Promise.all([recovery.whenOver, scrub.close(), faults.close(), space.close()]);
      await inventory.close();
      await catalog.close();
      await hashes.close();
      lock.release();
    },
  };
}

interface TakenDirectory {
  readonly lock: StoreLock;
  /** There is no content, and was none. */
  readonly isNew: boolean;
}

async function takeDirectory(paths: StorePaths, options: StoreOptions): Promise<TakenDirectory> {
  const { lockWaitMs: waitMs, clock, log } = options;
  let lock: StoreLock | undefined;
  try {
    await makeDirectory(paths.root);
    lock = await acquireStoreLock({ lockPath: paths.lock, ownerPath: paths.owner, waitMs, clock, log });
    await checkStoreFormat(paths.format);
    const isNew = await makeDirectories(paths);
    await sweepFills(paths);
    return { lock, isNew };
  } catch (error) {
    lock?.release();
    if (error instanceof StoreStartError) throw error;
    const reason = error instanceof Error ? error.message : 'unknown error';
    throw new StoreStartError('STORE_UNUSABLE', `the cache directory ${paths.root} cannot be used: ${reason}`, {
      cause: error,
    });
  }
}

/** A recovery that the end of the process cuts short is made again at the next start, hence the mark. */
function recover(mark: RecoveryMark, mayDiffer: boolean, options: RecoveryOptions): Recovery {
  if (!mayDiffer) return noRecovery;
  mark.begin();
  const recovery = startRecovery(options);
  const finish = async () => {
    const isWhole = await recovery.whenOver;
    if (isWhole) mark.end();
    return isWhole;
  };
  return { ...recovery, whenOver: finish() };
}

/** Whether the disk does again what it refused: a full one must have room again, and not only for these few bytes. */
async function probe(paths: StorePaths, room: DiskRoom): Promise<void> {
  await probeDisk(paths);
  await room.look();
  if (room.spareBytes < 0) throw new Error('the disk is still full');
}
