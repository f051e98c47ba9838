// Hashes files as they grow, off the event loop: reads them through the descriptor that the main thread opened.
import { createHash, type Hash } from 'node:crypto';
import { readSync } from 'node:fs';
import { shortFileCode, type HashReply, type HashRequest } from './hash-protocol.ts';
import { serveRequests } from './worker-service.ts';

/** A pass over one file from byte 0: the running one, or a second one over a prefix that the first has left behind. */
interface Pass {
  readonly fd: number;
  readonly hash: Hash;
  position: number;
  target: number;
  waiters: { readonly end: number; readonly resolve: (hash: Hash) => void; readonly reject: (error: Error) => void }[];
  failure: Error | undefined;
}

interface HashedFile {
  readonly algorithm: string;
  readonly main: Pass;
  readonly passes: Set<Pass>;
}

/** A file's share before the next one has its turn, about 5 to 30 ms. */
const turnBytes = 8 * 1024 * 1024;
/** Little enough to stay in the processor's own cache from the read to the hash. */
const buffer = Buffer.allocUnsafe(128 * 1024);
const files = new Map<number, HashedFile>();
const streams = new Map<number, Hash>();
/** Passes with bytes to hash, in order of their turns. */
const turns = new Set<Pass>();
let isScheduled = false;

function createPass(fd: number, algorithm: string): Pass {
  return { fd, hash: createHash(algorithm), position: 0, target: 0, waiters: [], failure: undefined };
}

function schedule(pass: Pass): void {
  turns.add(pass);
  if (isScheduled) return;
  isScheduled = true;
  setImmediate(takeTurn);
}

function takeTurn(): void {
  isScheduled = false;
  const pass = turns.values().next().value;
  if (pass === undefined) return;
  turns.delete(pass);
  try {
    work(pass);
  } catch (error) {
    fail(pass, error instanceof Error ? error : new Error('the file cannot be read'));
  }
  if (pass.position < pass.target) turns.add(pass);
  const next = turns.values().next().value;
  if (next !== undefined) schedule(next);
}

function work(pass: Pass): void {
  let left = turnBytes;
  while (left > 0 && pass.position < pass.target) {
    // Waiters want the hash at exactly their offset, so no read crosses one.
    const stop = pass.waiters.reduce((least, { end }) => Math.min(least, end), pass.target);
    const read = readSync(pass.fd, buffer, 0, Math.min(buffer.length, stop - pass.position, left), pass.position);
    if (read === 0) throw Object.assign(new Error('the file ends too early'), { code: shortFileCode });
    pass.hash.update(buffer.subarray(0, read));
    pass.position += read;
    left -= read;
    settle(pass);
  }
}

function settle(pass: Pass): void {
  const reached = pass.waiters.filter(({ end }) => end === pass.position);
  if (reached.length === 0) return;
  pass.waiters = pass.waiters.filter(({ end }) => end !== pass.position);
  for (const { resolve } of reached) resolve(pass.hash.copy());
}

function fail(pass: Pass, error: Error): void {
  pass.failure = error;
  pass.target = pass.position;
  for (const { reject } of pass.waiters.splice(0)) reject(error);
}

/** A copy of the hash of bytes 0 to `end`, when that is reached. */
function hashUpTo(pass: Pass, end: number): Promise<Hash> {
  return new Promise((resolve, reject) => {
    if (pass.failure !== undefined) return reject(pass.failure);
    pass.waiters.push({ end, resolve, reject });
    pass.target = Math.max(pass.target, end);
    if (pass.position < pass.target) schedule(pass);
    settle(pass);
  });
}

async function hashPrefix(file: HashedFile, end: number): Promise<Hash> {
  if (end >= file.main.position) return hashUpTo(file.main, end);
  const again = createPass(file.main.fd, file.algorithm);
  file.passes.add(again);
  try {
    return await hashUpTo(again, end);
  } finally {
    file.passes.delete(again);
  }
}

function getFile(id: number): HashedFile {
  const file = files.get(id);
  if (file === undefined) throw new Error('the file is closed');
  return file;
}

function getStream(id: number): Hash {
  const hash = streams.get(id);
  if (hash === undefined) throw new Error('the stream has ended');
  return hash;
}

function closeFile(id: number): void {
  for (const pass of files.get(id)?.passes ?? []) {
    turns.delete(pass);
    fail(pass, new Error('the file is closed'));
  }
  files.delete(id);
}

async function fork(stream: number, file: HashedFile, end: number): Promise<HashReply> {
  streams.set(stream, await hashPrefix(file, end));
  return undefined;
}

function handle(request: HashRequest): HashReply | Promise<HashReply> {
  switch (request.type) {
    case 'open': {
      const main = createPass(request.fd, request.algorithm);
      files.set(request.file, { algorithm: request.algorithm, main, passes: new Set([main]) });
      break;
    }
    case 'advance': {
      const pass = files.get(request.file)?.main;
      if (pass === undefined || pass.failure !== undefined || request.end <= pass.target) break;
      pass.target = request.end;
      schedule(pass);
      break;
    }
    case 'digest':
      return hashPrefix(getFile(request.file), request.end).then((hash) => hash.digest('hex'));
    case 'fork':
      return fork(request.stream, getFile(request.file), request.end);
    case 'close':
      closeFile(request.file);
      break;
    case 'update':
      getStream(request.stream).update(request.bytes);
      break;
    case 'finish': {
      const hex = getStream(request.stream).digest('hex');
      streams.delete(request.stream);
      return hex;
    }
    case 'drop':
      streams.delete(request.stream);
      break;
  }
  return undefined;
}

serveRequests(handle);
