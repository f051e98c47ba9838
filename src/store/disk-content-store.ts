import { constants } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Digest } from '../oci/digest.ts';
import type { Provenance } from '../oci/provenance.ts';
import { BlobReaders } from './blob-reader.ts';
import { createCommitQueue } from './commit-queue.ts';
import type { ContentStore, FoundObject, ObjectName, StoredObject } from './content-store.ts';
import { nodeFileSystem, type FileSystem } from './file-system.ts';
import { FileWatches } from './file-watches.ts';
import { isMissing, listNames, removeFile, renameDurably, syncDirectory, writeFully } from './files.ts';
import type { HashPool } from './hash-pool.ts';
import { KeyedQueue } from './keyed-queue.ts';
import { listLeftovers, removeLeftoverFiles } from './leftovers.ts';
import { OpenFiles } from './open-files.ts';
import { openPartialFile } from './partial-file.ts';
import { listDigests, prefixDirectory, type StorePaths } from './paths.ts';
import { Trust } from './trust.ts';

/** At most so many fsyncs at once, of what was filled and of what somebody waits for: a manifest waits for no layer. */
const commitsAtOnce = 2;
const putsAtOnce = 2;
const provenances: readonly Provenance[] = ['public', 'restricted'];

export interface DiskContentStoreOptions {
  readonly paths: StorePaths;
  readonly hashes: HashPool;
  readonly fs?: FileSystem;
  /** A reader's `verify` has found other bytes than the digest names; it resolves after this. */
  readonly onDamaged: (object: StoredObject) => Promise<void>;
}

/** Content in files, one per object. The directories of `paths` exist; one process owns them. */
export function createDiskContentStore(options: DiskContentStoreOptions): ContentStore {
  const { paths, hashes, fs = nodeFileSystem, onDamaged } = options;
  const commits = createCommitQueue(commitsAtOnce);
  const puts = createCommitQueue(putsAtOnce);
  /** What is done to one digest is done in order: an old file's removal must not take the new one. */
  const changes = new KeyedQueue<Digest>();
  const running = new Set<Digest>();
  const openFiles = new OpenFiles();
  const trust = new Trust();
  const readers = new BlobReaders({ fs, hashes, openFiles, trust, onDamaged });
  const watches = new FileWatches();
  let lastTemporary = 0;

  async function put(object: StoredObject, bytes: Uint8Array): Promise<void> {
    if (bytes.length !== object.sizeBytes) throw new TypeError('the bytes are not as many as the object says');
    const temporary = join(paths.fills, `put-${(lastTemporary += 1)}.tmp`);
    try {
      const handle = await fs.open(temporary, constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC, 0o600);
      try {
        await writeFully(handle, 0, bytes);
        await handle.sync();
      } finally {
        await handle.close();
      }
      await moveIn(temporary, object);
    } catch (error) {
      await removeFile(temporary, fs).catch(() => undefined);
      throw error;
    }
  }

  async function install(handle: FileHandle, object: StoredObject): Promise<void> {
    const { size } = await handle.stat();
    if (size < object.sizeBytes) throw new Error('the partial file is shorter than the object');
    // A wrong size hint may have left bytes behind the end.
    if (size > object.sizeBytes) await handle.truncate(object.sizeBytes);
    await handle.sync();
    await moveIn(paths.partial(object.digest), object);
    // It was hashed on its way in; where that cannot be remembered, it is hashed once more.
    const facts = await handle.stat().catch(() => undefined);
    if (facts !== undefined) trust.add(object.digest, facts);
  }

  async function moveIn(from: string, object: StoredObject): Promise<void> {
    try {
      await renameDurably(fs, from, paths.blob(object));
    } catch (error) {
      if (!isMissing(error)) throw error;
      await makeBlobDirectory(fs, paths.blobDirectory(object));
      await renameDurably(fs, from, paths.blob(object));
    }
    openFiles.renamed(from, paths.blob(object), object.sizeBytes);
  }

  async function promote({ digest, sizeBytes }: StoredObject): Promise<void> {
    const from = paths.blob({ digest, provenance: 'restricted' });
    const to = { digest, provenance: 'public' as const };
    await makeBlobDirectory(fs, paths.blobDirectory(to));
    if (!(await renameIfThere(from, paths.blob(to), sizeBytes))) return;
    await syncDirectory(paths.blobDirectory(to), fs);
  }

  async function renameIfThere(from: string, to: string, sizeBytes: number): Promise<boolean> {
    try {
      await fs.rename(from, to);
    } catch (error) {
      if (isMissing(error)) return false;
      throw error;
    }
    openFiles.renamed(from, to, sizeBytes);
    return true;
  }

  return {
    async open(object) {
      const reader = await readers.open(paths.blob(object), object);
      if (reader !== undefined || object.provenance === 'public') return reader;
      // It may have been promoted since the caller looked it up.
      return readers.open(paths.blob({ digest: object.digest, provenance: 'public' }), object);
    },
    async watch(object, onChanged) {
      const path = paths.blob(object);
      // In a thread first: the watch itself looks the directory up in ours, where a disk that hangs would stop everything.
      const isThere = (await findObject(fs, path, object)) !== undefined;
      return isThere ? watches.watch(path, onChanged) : undefined;
    },
    async put(object, bytes, { isAwaited = true } = {}) {
      const queue = isAwaited ? puts : commits;
      await queue.run(() => changes.run(object.digest, () => put(object, bytes)));
    },
    async begin(digest) {
      if (running.has(digest)) throw new Error('this digest is being collected already');
      running.add(digest);
      try {
        const open = () =>
          openPartialFile({
            fs,
            openFiles,
            digest,
            path: paths.partial(digest),
            journalPath: paths.journal(digest),
            hashes,
            install: (handle, object) => commits.run(() => changes.run(digest, () => install(handle, object))),
            onEnd: () => running.delete(digest),
          });
        return await changes.run(digest, open);
      } catch (error) {
        running.delete(digest);
        throw error;
      }
    },
    promote: (object) => changes.run(object.digest, () => promote(object)),
    remove: (object) =>
      changes.run(object.digest, async () => {
        await removeFile(paths.blob(object), fs);
        openFiles.deleted(paths.blob(object), object.sizeBytes);
      }),
    quarantine: (object) =>
      changes.run(
        object.digest,
        async () => void (await renameIfThere(paths.blob(object), paths.quarantined(object.digest), object.sizeBytes)),
      ),
    async list(prefix) {
      const found = provenances.map((provenance) => listObjects(fs, paths, prefix, provenance));
      return (await Promise.all(found)).flat();
    },
    // After what is under way: a file about to go is not found.
    find: (name) => changes.run(name.digest, () => findObject(fs, paths.blob(name), name)),
    listLeftovers: () => listLeftovers(fs, paths, running),
    removeLeftover: (leftover) =>
      changes.run(leftover.digest, async () => {
        const { type, digest, heldBytes } = leftover;
        if (type === 'parked' && running.has(digest)) return false;
        await removeLeftoverFiles(fs, paths, leftover);
        openFiles.deleted(type === 'parked' ? paths.partial(digest) : paths.quarantined(digest), heldBytes);
        return true;
      }),
    lingeringBytes: () => openFiles.lingeringBytes,
  };
}

async function makeBlobDirectory(fs: FileSystem, directory: string): Promise<void> {
  const made = await fs.mkdir(directory, { recursive: true, mode: 0o700 });
  if (made !== undefined) await syncDirectory(dirname(directory), fs);
}

async function listObjects(
  fs: FileSystem,
  paths: StorePaths,
  prefix: string,
  provenance: Provenance,
): Promise<readonly ObjectName[]> {
  const names = await listNames(fs, prefixDirectory(paths.blobs, provenance, prefix));
  return listDigests(names, prefix).map((digest) => ({ digest, provenance }));
}

async function findObject(fs: FileSystem, path: string, name: ObjectName): Promise<FoundObject | undefined> {
  try {
    const facts = await fs.lstat(path);
    return facts.isFile() ? { ...name, sizeBytes: facts.size, changedMs: facts.mtimeMs } : undefined;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}
