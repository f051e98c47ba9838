import { existsSync } from 'node:fs';
import { mkdir, readdir, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../telemetry/clock.ts';
import type { Health } from '../telemetry/health.ts';
import type { Log } from '../telemetry/log.ts';
import type { Meter } from '../telemetry/metrics.ts';
import { createRecent } from './cache-manager-recent.ts';
import type { Catalog } from './catalog.ts';
import type { CatalogState } from './catalog-protocol.ts';
import type { ContentStore } from './content-store.ts';
import { createDiskContentStore } from './disk-content-store.ts';
import { createSpace, type Space } from './eviction.ts';
import { removeFile, replaceFile } from './files.ts';
import { checkStoreFormat } from './format.ts';
import { createHashPool } from './hash-pool.ts';
import { acquireStoreLock } from './lock.ts';
import { createStorePaths, findPartialDigest, type StorePaths } from './paths.ts';
import type { Recent } from './recent.ts';
import { restoreCatalog, type RestoreOptions } from './restore-catalog.ts';
import { openSqliteCatalog } from './sqlite-catalog.ts';

/** Everything that is kept under one directory, owned by this process. */
export interface Store {
  readonly content: ContentStore;
  readonly catalog: Catalog;
  readonly recent: Recent;
  /** What is not there, apart from what is: whoever asks for names that do not exist pushes nothing else out. */
  readonly misses: Recent;
  readonly space: Space;
  /** Resolves when the files without rows, if there were any, are in the catalog. */
  readonly whenRestored: Promise<void>;
  /** Call once, after all readers and partial files are closed. */
  close(): Promise<void>;
}

export interface StoreOptions {
  readonly path: string;
  /** 0 means no limit. */
  readonly maxSizeBytes: number;
  /** What stays free on the file system. */
  readonly minFreeBytes: number;
  /** How long to wait for another process to leave the directory. */
  readonly lockWaitMs: number;
  readonly clock: Clock;
  readonly log: Log;
  readonly meter: Meter;
  readonly health: Health;
}

/**
 * Opens the directory, or makes a new one. What a killed process left is swept or found again.
 * @throws StoreLockedError, StoreFormatError, or what the system says of a directory it cannot write.
 */
export async function openStore(options: StoreOptions): Promise<Store> {
  const { clock, log, meter } = options;
  const paths = createStorePaths(options.path);
  await mkdir(paths.root, { recursive: true, mode: 0o700 });
  const lock = await acquireStoreLock({
    lockPath: paths.lock,
    ownerPath: paths.owner,
    waitMs: options.lockWaitMs,
    clock,
    log,
  });
  try {
    await checkStoreFormat(paths.format);
    await makeDirectories(paths);
    await sweepFills(paths);
  } catch (error) {
    lock.release();
    throw error;
  }
  const hashes = createHashPool();
  const content = createDiskContentStore({ paths, hashes });
  const { catalog, state } = await openSqliteCatalog({ ...options, path: paths.catalog });
  const { maxSizeBytes, minFreeBytes } = options;
  const readDisk = async () => {
    const { bavail, blocks, bsize } = await statfs(paths.root);
    return { freeBytes: bavail * bsize, totalBytes: blocks * bsize };
  };
  const space = createSpace({ maxSizeBytes, minFreeBytes, readDisk, content, catalog, clock, log, meter });
  const stop = new AbortController();
  const whenRestored = restore(paths, state, { content, catalog, log, signal: stop.signal });
  registerGauges(meter, space, catalog);

  return {
    content,
    catalog,
    recent: createRecent({ clock }),
    misses: createRecent({ clock, maxEntries: 20_000, maxBytes: 8 * 1024 * 1024 }),
    space,
    whenRestored,
    async close() {
      stop.abort();
      await whenRestored;
      await space.close();
      await catalog.close();
      await hashes.close();
      lock.release();
    },
  };
}

/** A search that the end of the process cuts short is made again at the next start, hence the mark. */
async function restore(paths: StorePaths, state: CatalogState, options: RestoreOptions): Promise<void> {
  if (state === 'clean' && !existsSync(paths.restoring)) return;
  const onFailure = (error: unknown) => options.log.warn({ err: error }, 'the search for files cannot be marked');
  await replaceFile(paths.restoring, '').catch(onFailure);
  if (await restoreCatalog(options)) await removeFile(paths.restoring).catch(onFailure);
}

async function makeDirectories(paths: StorePaths): Promise<void> {
  for (const directory of [paths.fills, paths.quarantine, paths.blobs]) {
    await mkdir(directory, { recursive: true, mode: 0o700 });
  }
  for (const provenance of ['public', 'restricted']) {
    for (const algorithm of ['sha256', 'sha512']) {
      await mkdir(join(paths.blobs, provenance, algorithm), { recursive: true, mode: 0o700 });
    }
  }
}

/** Whoever wrote here is gone: the lock is ours. Partial files stay for the next fill, or until they expire. */
async function sweepFills(paths: StorePaths): Promise<void> {
  const names = await readdir(paths.fills);
  const isKept = (name: string) => {
    if (findPartialDigest(name) !== undefined) return true;
    return name.endsWith('.journal') && names.includes(name.replace(/\.journal$/, '.part'));
  };
  for (const name of names) if (!isKept(name)) await removeFile(join(paths.fills, name));
}

function registerGauges(meter: Meter, space: Space, catalog: Catalog): void {
  meter.gauge('stowage_store_objects', 'Objects in the cache.', () => catalog.totals().objects);
  meter.gauge('stowage_store_content_bytes', 'Bytes of objects in the cache.', () => space.usage().contentBytes);
  meter.gauge('stowage_store_parked_bytes', 'Bytes of parked partial files.', () => space.usage().parkedBytes);
  meter.gauge('stowage_store_reserved_bytes', 'Bytes on their way in.', () => space.usage().reservedBytes);
  meter.gauge('stowage_store_max_bytes', 'The quota; 0 means no limit.', () => space.usage().maxBytes);
}
