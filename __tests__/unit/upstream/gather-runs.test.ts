import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { expect, test } from '@jest/globals';
import { gatherRuns } from '../../../src/upstream/gather-runs.ts';

const KiB = 1024;

/** A stream whose chunks the test pushes. */
function createSource(): Readable {
  const source = new Readable({ read() {}, highWaterMark: 64 * KiB });
  source.on('error', () => {});
  return source;
}

async function everythingThatCanHappen(): Promise<void> {
  await new Promise((resolve) => {
    setImmediate(resolve);
  });
}

test('what comes while the reader is busy is one run', async () => {
  const source = createSource();
  const runs = gatherRuns(source);
  const first = runs.next();
  source.push(Buffer.from('a'));
  expect(Buffer.from((await first).value ?? []).toString()).toBe('a');
  for (const text of ['b', 'c', 'd']) source.push(Buffer.from(text));
  await everythingThatCanHappen();
  expect(Buffer.from((await runs.next()).value ?? []).toString()).toBe('bcd');
  source.push(null);
  expect((await runs.next()).done).toBe(true);
});

test.each([200, 1000, 60 * KiB, 64 * KiB, 300 * KiB])('chunks of %d bytes come whole and in order', async (size) => {
  const content = randomBytes(2000 * KiB);
  const chunks: Buffer[] = [];
  for (let start = 0; start < content.length; start += size) {
    chunks.push(Buffer.from(content.subarray(start, start + size)));
  }
  const source = Readable.from(chunks, { objectMode: false, highWaterMark: 64 * KiB });
  const received: Buffer[] = [];
  for await (const run of gatherRuns(source)) {
    await everythingThatCanHappen();
    received.push(Buffer.from(run));
  }
  expect(Buffer.concat(received).equals(content)).toBe(true);
});

test('a stream is held back while nobody reads', async () => {
  const source = createSource();
  const runs = gatherRuns(source);
  const first = runs.next();
  source.push(Buffer.alloc(1));
  await first;
  let isFlowing = true;
  for (let pushed = 0; isFlowing && pushed < 100; pushed++) {
    isFlowing = source.push(Buffer.alloc(64 * KiB));
    await everythingThatCanHappen();
  }
  expect(isFlowing).toBe(false);
  await runs.return();
});

test('bytes before a failure come before the failure', async () => {
  const source = createSource();
  const runs = gatherRuns(source);
  const first = runs.next();
  source.push(Buffer.from('a'));
  await first;
  source.push(Buffer.from('b'));
  await everythingThatCanHappen();
  source.destroy(new Error('connection reset'));
  await everythingThatCanHappen();
  expect(Buffer.from((await runs.next()).value ?? []).toString()).toBe('b');
  await expect(runs.next()).rejects.toThrow('connection reset');
});

test('a stream that was held back loses nothing when it fails', async () => {
  const source = createSource();
  const content = randomBytes(4000 * KiB);
  const runs = gatherRuns(source);
  const received: Uint8Array[] = [];
  const first = runs.next();
  for (let start = 0; start < content.length; start += 500 * KiB) {
    source.push(Buffer.from(content.subarray(start, start + 500 * KiB)));
    await everythingThatCanHappen();
  }
  received.push(Buffer.from((await first).value ?? []));
  expect(source.readableLength).toBeGreaterThan(0);
  source.destroy(new Error('connection reset'));
  const readRest = async (): Promise<void> => {
    for await (const run of runs) received.push(Buffer.from(run));
  };
  await expect(readRest()).rejects.toThrow('connection reset');
  expect(Buffer.concat(received).equals(content)).toBe(true);
});

test('a stream that is over before anybody reads it fails at once', async () => {
  const source = createSource();
  source.destroy();
  await everythingThatCanHappen();
  await expect(gatherRuns(source).next()).rejects.toThrow(/close/i);
});
