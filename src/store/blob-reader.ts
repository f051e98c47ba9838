import { constants, type Stats } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { computeDigest, createDigest, digestAlgorithm, type Digest } from '../oci/digest.ts';
import type { ContentReader, StoredObject } from './content-store.ts';
import type { FileSystem } from './file-system.ts';
import { errorCode, isMissing, readFully } from './files.ts';
import { shortFileCode } from './hash-protocol.ts';
import type { HashPool } from './hash-pool.ts';
import type { OpenFiles } from './open-files.ts';
import { identify, type Trust } from './trust.ts';

/** Nothing but regular files, and no waiting for the writer of a FIFO. */
const readFlags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** Up to this size hashing takes less time than asking the worker for it. */
const inlineBytes = 64 * 1024;

export interface BlobReadersOptions {
  readonly fs: FileSystem;
  readonly hashes: HashPool;
  readonly openFiles: OpenFiles;
  readonly trust: Trust;
  readonly onDamaged: (object: StoredObject) => Promise<void>;
}

/** Opens files of content, and verifies each once however many read it. */
export class BlobReaders {
  readonly #options: BlobReadersOptions;
  /** By the file's identity. */
  readonly #passes = new Map<string, Promise<boolean>>();

  constructor(options: BlobReadersOptions) {
    this.#options = options;
  }

  /** Undefined when there is no such file, or none of this size. */
  async open(path: string, object: StoredObject): Promise<ContentReader | undefined> {
    const { fs, openFiles } = this.#options;
    let handle: FileHandle;
    try {
      handle = await fs.open(path, readFlags);
    } catch (error) {
      if (isMissing(error) || errorCode(error) === 'ELOOP') return undefined;
      throw error;
    }
    const onClosed = openFiles.opened(path);
    try {
      const facts = await handle.stat();
      if (facts.isFile() && facts.size === object.sizeBytes) return this.#createReader(handle, facts, object, onClosed);
    } catch (error) {
      onClosed();
      await handle.close();
      throw error;
    }
    onClosed();
    await handle.close();
    return undefined;
  }

  #createReader(handle: FileHandle, facts: Stats, object: StoredObject, onClosed: () => void): ContentReader {
    const { trust, onDamaged } = this.#options;
    const { digest } = object;
    let users = 1;
    const leave = (): void => {
      users -= 1;
      // A FileHandle ends reads under way first; nothing was written, so closing has nothing to report.
      if (users === 0) void handle.close().then(onClosed, onClosed);
    };
    return {
      sizeBytes: facts.size,
      read: (position, into) => readFully(handle, position, into),
      get isTrusted() {
        return trust.has(digest, facts);
      },
      verify: async ({ isAnew = false } = {}) => {
        if (!isAnew && trust.has(digest, facts)) return true;
        return await this.#share(identify(facts), async () => {
          users += 1;
          try {
            const isRight = await this.#hash(handle, facts.size, digest);
            if (isRight) {
              trust.add(digest, facts);
              return true;
            }
            trust.remove(digest, facts);
            await onDamaged(object);
            return false;
          } finally {
            leave();
          }
        });
      },
      close: leave,
    };
  }

  async #share(key: string, pass: () => Promise<boolean>): Promise<boolean> {
    const running = this.#passes.get(key) ?? pass().finally(() => this.#passes.delete(key));
    this.#passes.set(key, running);
    return await running;
  }

  async #hash(handle: FileHandle, sizeBytes: number, digest: Digest): Promise<boolean> {
    const algorithm = digestAlgorithm(digest);
    if (sizeBytes <= inlineBytes) {
      const bytes = Buffer.allocUnsafe(sizeBytes);
      return (await readFully(handle, 0, bytes)) === sizeBytes && computeDigest(algorithm, bytes) === digest;
    }
    const file = this.#options.hashes.openFile(handle.fd, algorithm);
    try {
      return createDigest(algorithm, await file.digestUpTo(sizeBytes)) === digest;
    } catch (error) {
      if (errorCode(error) === shortFileCode) return false;
      throw error;
    } finally {
      await file.close();
    }
  }
}
