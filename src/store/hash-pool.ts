import { availableParallelism } from 'node:os';
import { createDigest, digestAlgorithm, type DigestAlgorithm } from '../oci/digest.ts';
import type { StreamHash } from './content-store.ts';
import type { HashReply, HashRequest } from './hash-protocol.ts';
import { startWorker, type WorkerPort } from './worker-port.ts';

/** Hashing off the event loop, in one or two workers that all files share fairly. */
export interface HashPool {
  /** The descriptor is the caller's; it must stay open until `close` of what is given has resolved. */
  openFile(fd: number, algorithm: DigestAlgorithm): HashedFile;
  /** Ends the workers; what is under way rejects. */
  close(): Promise<void>;
}

export interface HashedFile {
  /** Bytes 0 to `end` are on file: hash them when there is time. */
  advance(end: number): void;
  /** The hex digest of bytes 0 to `end`. Rejects with code `SHORT_FILE` when they are not there. */
  digestUpTo(end: number): Promise<string>;
  /** A hash of bytes 0 to `end`, to be continued. */
  fork(end: number): Promise<StreamHash>;
  /** Resolves when no worker touches the descriptor any more. */
  close(): Promise<void>;
}

type HashPort = WorkerPort<HashRequest, HashReply>;

/** Telling the worker of every chunk would cost more than it brings. */
const advanceStepBytes = 1024 * 1024;

export function createHashPool(options: { readonly workers?: number } = {}): HashPool {
  const ports: HashPort[] = [];
  const size = options.workers ?? (availableParallelism() > 2 ? 2 : 1);
  let isClosed = false;
  let lastId = 0;

  /** Workers start with the first files and are taken in turns; one that died is replaced. */
  function nextPort(id: number): HashPort {
    if (isClosed) throw new Error('the hash pool is closed');
    const index = id % size;
    const port = ports[index];
    if (port?.isAlive) return port;
    return (ports[index] = startWorker<HashRequest, HashReply>(import.meta.url, 'hash-worker'));
  }

  return {
    openFile(fd, algorithm) {
      const file = (lastId += 1);
      const port = nextPort(file);
      port.send({ type: 'open', file, fd, algorithm });
      return createHashedFile({ port, file, algorithm, nextStream: () => (lastId += 1) });
    },
    async close() {
      isClosed = true;
      await Promise.all(ports.map((port) => port.terminate()));
    },
  };
}

function createHashedFile(facts: {
  readonly port: HashPort;
  readonly file: number;
  readonly algorithm: DigestAlgorithm;
  readonly nextStream: () => number;
}): HashedFile {
  const { port, file, algorithm } = facts;
  let told = 0;
  return {
    advance(end) {
      if (end - told < advanceStepBytes) return;
      told = end;
      port.send({ type: 'advance', file, end });
    },
    async digestUpTo(end) {
      const hex = await port.request({ type: 'digest', file, end });
      return hex ?? '';
    },
    async fork(end) {
      const stream = facts.nextStream();
      await port.request({ type: 'fork', file, end, stream });
      return createStream(port, stream, algorithm);
    },
    async close() {
      // A worker that has died touches nothing.
      await port.request({ type: 'close', file }).catch(() => undefined);
    },
  };
}

function createStream(port: HashPort, stream: number, algorithm: DigestAlgorithm): StreamHash {
  return {
    async update(bytes) {
      const copy = Uint8Array.from(bytes);
      await port.request({ type: 'update', stream, bytes: copy }, [copy.buffer]);
    },
    async matches(digest) {
      const hex = await port.request({ type: 'finish', stream });
      return digestAlgorithm(digest) === algorithm && createDigest(algorithm, hex ?? '') === digest;
    },
    close() {
      port.send({ type: 'drop', stream });
    },
  };
}
