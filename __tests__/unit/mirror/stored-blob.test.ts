import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { computeDigest } from '../../../src/oci/digest.ts';
import { BufferPool } from '../../../src/mirror/fill/buffer-pool.ts';
import type { BodyReader, ServedBlob } from '../../../src/mirror/pull.ts';
import { serveStored } from '../../../src/mirror/stored-blob.ts';
import { createGate, type Gate } from '../../support/gate.ts';
import { MemoryContentStore } from './fakes/memory-content-store.ts';

const tail = 64 * 1024;
const bytes = randomBytes(1_000_000);
const object = { digest: computeDigest('sha256', bytes), sizeBytes: bytes.length, provenance: 'public' } as const;
const mismatch = { name: 'MirrorError', kind: 'content-mismatch' };

let content: MemoryContentStore;
let buffers: BufferPool;
let verifying: Gate;
let unreadable: unknown[];

beforeEach(async () => {
  content = new MemoryContentStore();
  buffers = new BufferPool(64 * 1024 * 1024);
  verifying = createGate();
  unreadable = [];
  content.verifying = verifying.pass();
  await content.put(object, bytes);
});

afterEach(() => {
  expect(content.openFiles.size).toBe(0);
  expect(buffers.lentBytes).toBe(0);
});

async function serve(): Promise<ServedBlob> {
  const reader = await content.open(object);
  if (reader === undefined) throw new Error('the blob is not there');
  return serveStored(object, reader, { buffers, onUnreadable: (error) => unreadable.push(error) });
}

/** What a body gives until it waits, breaks or ends; the read that waits, if one does. */
class Client {
  readonly chunks: Buffer[] = [];
  /** Undefined while it waits; `complete` or the error. */
  end: unknown;
  readonly whenOver: Promise<void>;

  constructor(body: BodyReader) {
    this.whenOver = this.#read(body);
  }

  get bytes(): Buffer {
    return Buffer.concat(this.chunks);
  }

  async #read(body: BodyReader): Promise<void> {
    try {
      for (let chunk = await body.read(); chunk !== undefined; chunk = await body.read()) {
        this.chunks.push(Buffer.from(chunk.bytes));
        chunk.release();
      }
      this.end = 'complete';
    } catch (error) {
      this.end = error;
    }
  }
}

/** Everything that can happen has happened. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

function damage(): void {
  content.objects.get(object.digest)?.bytes.fill(0, 0, 1);
}

describe('while a blob is being verified', () => {
  test('who wants all of it gets all but the tail, and the tail when it is found right', async () => {
    const served = await serve();
    const body = served.openBody();
    const client = new Client(body);
    await settle();
    expect(client.bytes).toEqual(bytes.subarray(0, bytes.length - tail));
    expect(client.end).toBeUndefined();
    verifying.open();
    await client.whenOver;
    expect(client.end).toBe('complete');
    expect(client.bytes.equals(bytes)).toBe(true);
    body.close();
    served.close();
  });

  test('a range is served to its end, up to all but one byte', async () => {
    const served = await serve();
    for (const [start, end] of [
      [0, 1],
      [bytes.length - 10, bytes.length],
      [1, bytes.length],
      [0, bytes.length - 1],
    ] as const) {
      const body = served.openBody({ start, end });
      const client = new Client(body);
      await client.whenOver;
      expect(client.bytes.equals(bytes.subarray(start, end))).toBe(true);
      body.close();
    }
    verifying.open();
    served.close();
  });

  test('a range that is all of it is held like all of it', async () => {
    const served = await serve();
    const body = served.openBody({ start: 0, end: bytes.length });
    const client = new Client(body);
    await settle();
    expect(client.bytes).toHaveLength(bytes.length - tail);
    verifying.open();
    await client.whenOver;
    expect(client.bytes).toHaveLength(bytes.length);
    body.close();
    served.close();
  });

  test('a reader that waits for the verdict and is closed ends at once', async () => {
    const served = await serve();
    const body = served.openBody();
    const client = new Client(body);
    await settle();
    body.close();
    served.close();
    await client.whenOver;
    expect(client.end).toBe('complete');
    expect(client.bytes).toHaveLength(bytes.length - tail);
    expect(content.openFiles.size).toBe(0);
    verifying.open();
  });

  test('damage that is found breaks all who read: the whole, and a range in the middle', async () => {
    damage();
    const served = await serve();
    const bodies = [served.openBody(), served.openBody({ start: 1, end: bytes.length })] as const;
    const whole = new Client(bodies[0]);
    const first = await bodies[1].read();
    first?.release();
    await settle();
    verifying.open();
    await whole.whenOver;
    expect(whole.end).toMatchObject(mismatch);
    expect(whole.bytes.length).toBeLessThanOrEqual(bytes.length - tail);
    const range = new Client(bodies[1]);
    await range.whenOver;
    expect(range.end).toMatchObject(mismatch);
    expect(range.bytes).toHaveLength(0);
    for (const body of bodies) body.close();
    served.close();
  });

  test('damage that is found while a piece is read keeps that piece back', async () => {
    damage();
    const served = await serve();
    const reading = createGate();
    const body = served.openBody({ start: 1, end: 10 });
    const take = buffers.take.bind(buffers);
    buffers.take = async () => {
      await reading.pass();
      return await take();
    };
    const client = new Client(body);
    await reading.reached;
    verifying.open();
    await settle();
    reading.open();
    await client.whenOver;
    expect(client.end).toMatchObject(mismatch);
    expect(client.bytes).toHaveLength(0);
    body.close();
    served.close();
  });

  test('a disk that cannot be read to the end is as bad as damage, and is told once', async () => {
    const failure = new Error('EIO');
    content.failing.set('verify', failure);
    const served = await serve();
    const body = served.openBody();
    const client = new Client(body);
    await settle();
    verifying.open();
    await client.whenOver;
    expect(client.end).toMatchObject(mismatch);
    expect(unreadable).toEqual([failure]);
    body.close();
    served.close();
  });
});

describe('a blob that is trusted', () => {
  beforeEach(() => void content.trusted.add(object.digest));

  test('is given out whole, and nobody verifies it', async () => {
    content.failing.set('verify', new Error('nobody asked for this'));
    const served = await serve();
    const body = served.openBody();
    const client = new Client(body);
    await client.whenOver;
    expect(client.bytes.equals(bytes)).toBe(true);
    expect(unreadable).toEqual([]);
    body.close();
    served.close();
  });

  test('but ends too early breaks off, and says so', async () => {
    const served = await serve();
    const reader = [...content.openFiles][0] as { read: () => Promise<number> };
    reader.read = () => Promise.resolve(0);
    const body = served.openBody();
    const client = new Client(body);
    await client.whenOver;
    expect(client.end).toMatchObject(mismatch);
    expect(unreadable).toHaveLength(1);
    body.close();
    served.close();
  });
});
