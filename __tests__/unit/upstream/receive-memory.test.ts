import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { Readable } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, expect, test } from '@jest/globals';
import { Agent } from 'undici';
import { gatherRuns } from '../../../src/upstream/gather-runs.ts';
import { giveMemoryBack, intoReceiveMemory, keepMemory, PieceCollector } from '../../../src/upstream/receive-memory.ts';

const KiB = 1024;
const MiB = 1024 * KiB;
const ends: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end();
});

/** Both ends of a connection over which the mirror's end reads as connections for bodies do. */
async function openConnection(): Promise<{ readonly ours: Socket; readonly theirs: Socket }> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const accepted = once(server, 'connection');
  const ours = connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', ...intoReceiveMemory });
  const [theirs] = (await accepted) as [Socket];
  ends.push(async () => {
    for (const socket of [ours, theirs]) if (!socket.closed) await once(socket.destroy(), 'close');
    server.close();
    await once(server, 'close');
  });
  return { ours, theirs };
}

function send(socket: Socket, bytes: Uint8Array, pieceBytes = bytes.length): void {
  for (let start = 0; start < bytes.length; start += pieceBytes)
    socket.write(bytes.subarray(start, start + pieceBytes));
}

/** What comes, as whoever does not gather sees it, until there are so many bytes. */
async function readChunks(socket: Socket, bytes: number): Promise<readonly Buffer[]> {
  const chunks: Buffer[] = [];
  await new Promise<void>((resolve) => {
    const read = (): void => {
      for (let chunk = socket.read() as Buffer | null; chunk !== null; chunk = socket.read() as Buffer | null)
        chunks.push(chunk);
      if (Buffer.concat(chunks).length < bytes) return;
      socket.off('readable', read);
      resolve();
    };
    socket.on('readable', read);
  });
  return chunks;
}

test.each([1, 700, 5 * KiB, 64 * KiB, 3 * MiB])('bytes sent by %d come whole and in order', async (pieceBytes) => {
  const { ours, theirs } = await openConnection();
  const content = randomBytes(Math.min(20 * MiB, 4000 * pieceBytes));
  send(theirs, content, pieceBytes);
  theirs.end();
  const received: Buffer[] = [];
  for await (const run of gatherRuns(ours)) received.push(Buffer.from(run));
  expect(Buffer.concat(received).equals(content)).toBe(true);
});

test('a run stays as it is while its reader is busy, whatever comes meanwhile', async () => {
  const content = randomBytes(16 * MiB);
  const readers = Array.from({ length: 4 }, async () => {
    const { ours, theirs } = await openConnection();
    send(theirs, content);
    theirs.end();
    let position = 0;
    for await (const run of gatherRuns(ours)) {
      // The others read, and give back, for as long as it takes to send something there and back.
      const other = await openConnection();
      other.theirs.write('a');
      await once(other.ours, 'readable');
      expect(content.compare(run, 0, run.length, position, position + run.length)).toBe(0);
      position += run.length;
    }
    expect(position).toBe(content.length);
  });
  await Promise.all(readers);
});

test('memory that has been given back is used again, within a connection and by the next one', async () => {
  const seen = new Set<ArrayBufferLike>();
  for (let connection = 0; connection < 4; connection += 1) {
    const { ours, theirs } = await openConnection();
    send(theirs, randomBytes(32 * MiB));
    theirs.end();
    for await (const run of gatherRuns(ours)) seen.add(run.buffer);
    if (!ours.closed) await once(ours, 'close');
  }
  expect(seen.size).toBeLessThan(8);
});

test('what somebody else still has is never written over', async () => {
  const { ours, theirs } = await openConnection();
  const content = randomBytes(200 * KiB);
  send(theirs, content);
  const kept = await readChunks(ours, content.length);
  expect(Buffer.concat(kept).equals(content)).toBe(true);
  send(theirs, randomBytes(16 * MiB));
  theirs.end();
  for await (const run of gatherRuns(ours)) expect(run.length).toBeGreaterThan(0);
  const next = await openConnection();
  send(next.theirs, randomBytes(16 * MiB));
  next.theirs.end();
  for await (const run of gatherRuns(next.ours)) expect(run.length).toBeGreaterThan(0);
  expect(Buffer.concat(kept).equals(content)).toBe(true);
});

test('what is kept stays as it is when it has been given back, and its memory is used again afterwards', async () => {
  const content = randomBytes(32 * MiB);
  const kept: { readonly run: Uint8Array; readonly position: number; readonly letGo: () => void }[] = [];
  let refused = 0;
  const pull = async (): Promise<void> => {
    const { ours, theirs } = await openConnection();
    send(theirs, content);
    theirs.end();
    let position = 0;
    for await (const run of gatherRuns(ours)) {
      const letGo = keepMemory(run);
      if (letGo === undefined) refused += 1;
      else kept.push({ run, position, letGo });
      position += run.length;
    }
  };
  await pull();
  expect(kept.length).toBeGreaterThan(0);
  // No more than a third of the memory that there is.
  expect(kept.length).toBeLessThanOrEqual(8);
  expect(refused).toBeGreaterThan(0);
  await pull();
  for (const { run, position } of kept)
    expect(content.compare(run, 0, run.length, position, position + run.length)).toBe(0);
  const buffers = new Set(kept.map(({ run }) => run.buffer));
  for (const { letGo } of kept.splice(0)) letGo();
  await pull();
  expect(kept.some(({ run }) => buffers.has(run.buffer))).toBe(true);
  for (const { letGo } of kept.splice(0)) letGo();
});

test('little bytes are not kept, nor those that lie elsewhere', async () => {
  const { ours, theirs } = await openConnection();
  send(theirs, randomBytes(100 * KiB));
  theirs.end();
  for await (const run of gatherRuns(ours)) expect(keepMemory(run)).toBeUndefined();
  expect(keepMemory(randomBytes(MiB))).toBeUndefined();
});

test('a head takes no memory with it: it is copied', async () => {
  const { ours, theirs } = await openConnection();
  for (const text of ['HTTP/1.1 200 OK\r\n\r\n', 'HTTP/1.1 404 Not Found\r\n\r\n']) {
    theirs.write(text);
    const [head = Buffer.of()] = await readChunks(ours, text.length);
    // Not much more than the pool from which Node takes small buffers.
    expect(head.buffer.byteLength).toBeLessThan(128 * KiB);
    theirs.write(randomBytes(100 * KiB));
    for (const chunk of await readChunks(ours, 100 * KiB)) giveMemoryBack(chunk);
    expect(head.toString()).toBe(text);
  }
});

function* chunksOf(bytes: Buffer, chunkBytes: number): Generator<Buffer> {
  for (let start = 0; start < bytes.length; start += chunkBytes) yield bytes.subarray(start, start + chunkBytes);
}

test.each([3000, 16 * KiB, 32 * KiB, 100 * KiB])(
  "a body in HTTP's chunks of %d bytes comes whole",
  async (chunkBytes) => {
    const content = randomBytes(8 * MiB);
    const server = createHttpServer((_request, response) => {
      Readable.from(chunksOf(content, chunkBytes), { objectMode: false }).pipe(response);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const agent = new Agent({ connect: intoReceiveMemory, pipelining: 1 });
    ends.push(async () => {
      await agent.destroy();
      server.close();
      await once(server, 'close');
    });
    const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const pull = async (): Promise<void> => {
      const { body } = await agent.request({ origin, path: '/', method: 'GET' });
      const received: Buffer[] = [];
      for await (const run of gatherRuns(body)) {
        // The connection reads on meanwhile.
        for (let turn = 0; turn < 20; turn += 1) await nextTurn();
        received.push(Buffer.from(run));
      }
      expect(Buffer.concat(received).equals(content)).toBe(true);
    };
    for (let n = 0; n < 3; n += 1) await pull();
  },
);

test('pieces with something in between are copied together while the reader is busy', async () => {
  const { ours, theirs } = await openConnection();
  const content = randomBytes(600 * KiB);
  theirs.write(content);
  const pieces: Uint8Array[] = [];
  for (const chunk of await readChunks(ours, content.length)) {
    // As HTTP's chunks do: each is followed by a few bytes that are none of the body's.
    for (let start = 0; start < chunk.length; start += 32 * KiB)
      pieces.push(chunk.subarray(start, start + 32 * KiB - 7));
  }
  const body = new Readable({ read() {} });
  const runs = gatherRuns(body);
  const first = runs.next();
  for (const piece of pieces) body.push(piece);
  const received = [Buffer.from((await first).value ?? [])];
  body.push(null);
  for await (const run of runs) received.push(Buffer.from(run));
  expect(Buffer.concat(received).equals(Buffer.concat(pieces))).toBe(true);
  // Where much memory is in use they lie in small ones.
  expect(received.length).toBeLessThan(0.75 * pieces.length);
});

test('pieces from elsewhere lie one behind the other, and too large ones stay where they are', () => {
  const collector = new PieceCollector();
  const pieces = [randomBytes(100), randomBytes(64 * KiB), randomBytes(3 * MiB), randomBytes(10)];
  const taken = pieces.map((piece) => collector.copy(piece));
  expect(taken.map((piece, i) => Buffer.compare(piece, pieces[i] as Buffer))).toEqual([0, 0, 0, 0]);
  const [first, second, large, last] = taken as [Uint8Array, Uint8Array, Uint8Array, Uint8Array];
  expect(second.buffer).toBe(first.buffer);
  expect(second.byteOffset).toBe(first.byteOffset + first.length);
  expect(large).toBe(pieces[2]);
  expect(last.byteOffset).toBe(second.byteOffset + second.length);
  collector.end();
  for (const piece of taken) giveMemoryBack(piece);
});
