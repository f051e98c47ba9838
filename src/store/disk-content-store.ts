import { constants } from 'node:fs';
import { lstat, mkdir, open, readdir, rename, type FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { digestHex, isDigest, type Digest, type DigestAlgorithm } from '../oci/digest.ts';
import type { Provenance } from '../oci/provenance.ts';
import { createCommitQueue } from './commit-queue.ts';
import type { ContentReader, ContentStore, PartialRecord, StoredObject } from './content-store.ts';
import { errorCode, isMissing, readFully, removeFile, renameDurably, syncDirectory, writeFully } from './files.ts';
import type { HashPool } from './hash-pool.ts';
import { openPartialFile } from './partial-file.ts';
import { findPartialDigest, type StorePaths } from './paths.ts';

/** At most so many fsyncs at once, of files that were filled and of small objects: a manifest waits for no layer. */
const commitsAtOnce = 2;
const putsAtOnce = 2;
const provenances: readonly Provenance[] = ['public', 'restricted'];
const algorithms: readonly DigestAlgorithm[] = ['sha256', 'sha512'];
/** Nothing but regular files, and no waiting for the writer of a FIFO. */
const readFlags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** Content in files, one per object. The directories of `paths` exist; one process owns them. */
export function createDiskContentStore(options: {
  readonly paths: StorePaths;
  readonly hashes: HashPool;
}): ContentStore {
  const { paths } = options;
  const commits = createCommitQueue(commitsAtOnce);
  const puts = createCommitQueue(putsAtOnce);
  const running = new Set<Digest>();
  const removals = new Map<Digest, Promise<void>>();
  let lastTemporary = 0;

  async function put(object: StoredObject, bytes: Uint8Array): Promise<void> {
    if (bytes.length !== object.sizeBytes) throw new TypeError('the bytes are not as many as the object says');
    const temporary = join(paths.fills, `put-${(lastTemporary += 1)}.tmp`);
    try {
      const handle = await open(temporary, constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC, 0o600);
      try {
        await writeFully(handle, 0, bytes);
        await handle.sync();
      } finally {
        await handle.close();
      }
      await makeBlobDirectory(paths.blobDirectory(object));
      await renameDurably(temporary, paths.blob(object));
    } catch (error) {
      await removeFile(temporary).catch(() => undefined);
      throw error;
    }
  }

  async function install(handle: FileHandle, object: StoredObject): Promise<void> {
    const { size } = await handle.stat();
    if (size < object.sizeBytes) throw new Error('the partial file is shorter than the object');
    // A wrong size hint may have left bytes behind the end.
    if (size > object.sizeBytes) await handle.truncate(object.sizeBytes);
    await handle.sync();
    await makeBlobDirectory(paths.blobDirectory(object));
    await renameDurably(paths.partial(object.digest), paths.blob(object));
  }

  async function removePartial(digest: Digest): Promise<void> {
    // Either alone is worth nothing to `begin`, so the order does not matter to a crash in between.
    await removeFile(paths.partial(digest));
    await removeFile(paths.journal(digest));
  }

  return {
    async open(object) {
      const reader = await openObject(paths.blob(object), object.sizeBytes);
      if (reader !== undefined || object.provenance === 'public') return reader;
      // It may have been promoted since the caller looked it up.
      return openObject(paths.blob({ digest: object.digest, provenance: 'public' }), object.sizeBytes);
    },
    put: (object, bytes) => puts.run(() => put(object, bytes)),
    async begin(digest) {
      if (running.has(digest)) throw new Error('this digest is being collected already');
      running.add(digest);
      try {
        await removals.get(digest);
        return await openPartialFile({
          digest,
          path: paths.partial(digest),
          journalPath: paths.journal(digest),
          hashes: options.hashes,
          install: (handle, object) => commits.run(() => install(handle, object)),
          onEnd: () => running.delete(digest),
        });
      } catch (error) {
        running.delete(digest);
        throw error;
      }
    },
    async promote(object) {
      const from = { digest: object.digest, provenance: 'restricted' as const };
      const to = { digest: object.digest, provenance: 'public' as const };
      await makeBlobDirectory(paths.blobDirectory(to));
      try {
        await rename(paths.blob(from), paths.blob(to));
      } catch (error) {
        if (isMissing(error)) return;
        throw error;
      }
      await syncDirectory(paths.blobDirectory(to));
    },
    remove: (object) => removeFile(paths.blob(object)),
    list: () => listObjects(paths),
    listPartial: () => listPartial(paths, running),
    async removePartial(digest) {
      if (running.has(digest)) return false;
      const removal = removePartial(digest);
      removals.set(
        digest,
        removal.catch(() => undefined),
      );
      try {
        await removal;
      } finally {
        removals.delete(digest);
      }
      return true;
    },
  };
}

async function openObject(path: string, sizeBytes: number): Promise<ContentReader | undefined> {
  let handle: FileHandle;
  try {
    handle = await open(path, readFlags);
  } catch (error) {
    if (isMissing(error) || errorCode(error) === 'ELOOP') return undefined;
    throw error;
  }
  try {
    const facts = await handle.stat();
    if (facts.isFile() && facts.size === sizeBytes) return createReader(handle, sizeBytes);
  } catch (error) {
    await handle.close();
    throw error;
  }
  await handle.close();
  return undefined;
}

function createReader(handle: FileHandle, sizeBytes: number): ContentReader {
  return {
    sizeBytes,
    read: (position, into) => readFully(handle, position, into),
    // A FileHandle ends reads under way first; nothing was written, so closing has nothing to report.
    close: () => void handle.close().catch(() => undefined),
  };
}

async function makeBlobDirectory(directory: string): Promise<void> {
  const made = await mkdir(directory, { recursive: true, mode: 0o700 });
  if (made !== undefined) await syncDirectory(dirname(directory));
}

async function* listObjects(paths: StorePaths): AsyncGenerator<StoredObject> {
  for (const provenance of provenances) {
    for (const algorithm of algorithms) {
      const directory = join(paths.blobs, provenance, algorithm);
      for (const prefix of await listNames(directory)) {
        for (const hex of await listNames(join(directory, prefix))) {
          const digest = `${algorithm}:${hex}`;
          if (!isDigest(digest) || digestHex(digest).slice(0, 2) !== prefix) continue;
          const sizeBytes = await findFileSize(join(directory, prefix, hex));
          if (sizeBytes !== undefined) yield { digest, sizeBytes, provenance };
        }
      }
    }
  }
}

async function listNames(directory: string): Promise<readonly string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

async function findFileSize(path: string): Promise<number | undefined> {
  try {
    const facts = await lstat(path);
    return facts.isFile() ? facts.size : undefined;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

async function listPartial(paths: StorePaths, running: ReadonlySet<Digest>): Promise<readonly PartialRecord[]> {
  const records: PartialRecord[] = [];
  for (const name of await listNames(paths.fills)) {
    const digest = findPartialDigest(name);
    if (digest === undefined || running.has(digest)) continue;
    try {
      const facts = await lstat(join(paths.fills, name));
      records.push({ digest, heldBytes: facts.blocks * 512, changedMs: facts.mtimeMs });
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
  }
  return records;
}
