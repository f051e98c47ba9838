import { constants } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { computeDigest, createDigest, digestAlgorithm, type Digest, type DigestAlgorithm } from '../oci/digest.ts';
import type { PartialContent, StoredObject } from './content-store.ts';
import type { FileSystem } from './file-system.ts';
import { errorCode, isMissing, readFully, removeFile, replaceFile, writeFully } from './files.ts';
import { shortFileCode } from './hash-protocol.ts';
import type { HashPool, HashedFile } from './hash-pool.ts';
import { formatJournal, readJournal, type JournalState } from './journal.ts';
import type { OpenFiles } from './open-files.ts';

export interface PartialFileOptions {
  readonly fs: FileSystem;
  readonly openFiles: OpenFiles;
  readonly digest: Digest;
  readonly path: string;
  readonly journalPath: string;
  readonly hashes: HashPool;
  /** Moves the file, whose length is right, to where content is; durable when it resolves. */
  readonly install: (handle: FileHandle, object: StoredObject) => Promise<void>;
  /** The name is free again: another `begin` may have it. */
  readonly onEnd: () => void;
}

const flags = constants.O_RDWR | constants.O_NOFOLLOW | constants.O_NONBLOCK;

const newFileFlags = flags | constants.O_CREAT | constants.O_EXCL;
/** To read back and hash so few bytes costs less than to hand them to a worker; above, the event loop would notice. */
const hashedHereBytes = 1024 * 1024;

/** Opens what an earlier fill left, or a new sparse file. */
export async function openPartialFile(options: PartialFileOptions): Promise<PartialContent> {
  const { fs } = options;
  const fresh = await openNewFile(options);
  if (fresh !== undefined) return createPartialFile(options, fresh);
  const journal = await readJournal(options.journalPath);
  const left = journal === undefined ? undefined : await openLeftFile(options, journal);
  if (left !== undefined) return createPartialFile(options, left.handle, left.recovered);
  // Without a journal nothing is known of the bytes.
  await removeFile(options.path, fs);
  return createPartialFile(options, await fs.open(options.path, newFileFlags, 0o600));
}

/** Undefined when something has the name. */
async function openNewFile({ fs, path }: PartialFileOptions): Promise<FileHandle | undefined> {
  try {
    return await fs.open(path, newFileFlags, 0o600);
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return undefined;
    throw error;
  }
}

async function openLeftFile(
  { fs, path }: PartialFileOptions,
  journal: JournalState,
): Promise<{ readonly handle: FileHandle; readonly recovered: JournalState } | undefined> {
  let handle: FileHandle;
  try {
    handle = await fs.open(path, flags);
  } catch (error) {
    if (isMissing(error) || errorCode(error) === 'ELOOP') return undefined;
    throw error;
  }
  const facts = await handle.stat().catch(() => undefined);
  if (!facts?.isFile()) {
    await handle.close();
    return undefined;
  }
  // After a power cut the journal may know of bytes that never reached the disk.
  const spans = journal.spans.flatMap(({ start, end }) =>
    start < facts.size ? [{ start, end: Math.min(end, facts.size) }] : [],
  );
  return { handle, recovered: { spans, sizeBytes: journal.sizeBytes } };
}

function createPartialFile(options: PartialFileOptions, handle: FileHandle, left?: JournalState): PartialContent {
  const { digest, path, journalPath, fs, openFiles } = options;
  const recovered = left ?? { spans: [], sizeBytes: undefined };
  const onClosed = openFiles.opened(path);
  const algorithm = digestAlgorithm(digest);
  let hashed: HashedFile | undefined;
  let isEnded = false;
  let hasJournal = left !== undefined;
  /**
   * Journals are written one after the other, and never after the end. First goes what tells of another file's bytes:
   * nobody waits for that, it is rare.
   */
  let journalTail: Promise<unknown> = hasJournal ? Promise.resolve() : removeFile(journalPath, fs).catch(() => {});

  const getHashed = () => (hashed ??= options.hashes.openFile(handle.fd, algorithm));

  async function end(finish: () => Promise<void>): Promise<void> {
    if (isEnded) throw new Error('the partial file has ended already');
    isEnded = true;
    try {
      await journalTail.catch(() => undefined);
      await finish();
    } finally {
      options.onEnd();
    }
  }

  async function removeBoth(): Promise<void> {
    const facts = await handle.stat().catch(() => undefined);
    await removeFile(path, fs);
    openFiles.deleted(path, (facts?.blocks ?? 0) * 512);
    await removeFile(journalPath, fs);
  }

  return {
    digest,
    recovered,
    write: (offset, bytes) => writeFully(handle, offset, bytes),
    read: (position, into) => readFully(handle, position, into),
    async saveJournal(state) {
      const write = async () => {
        if (isEnded) return;
        hasJournal = true;
        await replaceFile(journalPath, formatJournal(state), fs);
      };
      const written = journalTail.then(write, write);
      journalTail = written;
      await written;
    },
    advanceHash(to) {
      if (to > hashedHereBytes) getHashed().advance(to);
    },
    async verify(sizeBytes) {
      if (sizeBytes <= hashedHereBytes) return (await hashHere(handle, algorithm, sizeBytes)) === digest;
      try {
        return createDigest(algorithm, await getHashed().digestUpTo(sizeBytes)) === digest;
      } catch (error) {
        if (errorCode(error) === shortFileCode) return false;
        throw error;
      }
    },
    forkHash: (to) => getHashed().fork(to),
    async commit(object) {
      if (object.digest !== digest) throw new TypeError('a partial file becomes only the object it was begun for');
      if (isEnded) throw new Error('the partial file has ended already');
      await journalTail.catch(() => undefined);
      await options.install(handle, object);
      // The content is safe: a journal that stays behind is swept at the next start.
      await end(async () => {
        if (hasJournal) await removeFile(journalPath, fs).catch(() => undefined);
      });
    },
    abort: () => end(removeBoth),
    park: () => end(() => Promise.resolve()),
    async close() {
      if (!isEnded) await end(() => Promise.resolve());
      await hashed?.close();
      try {
        await handle.close();
      } finally {
        onClosed();
      }
    },
  };
}

/** Undefined when the file is shorter. */
async function hashHere(
  handle: FileHandle,
  algorithm: DigestAlgorithm,
  sizeBytes: number,
): Promise<Digest | undefined> {
  const bytes = Buffer.allocUnsafe(sizeBytes);
  return (await readFully(handle, 0, bytes)) === sizeBytes ? computeDigest(algorithm, bytes) : undefined;
}
