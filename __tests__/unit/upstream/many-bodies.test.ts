import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import { gatherRuns } from '../../../src/upstream/gather-runs.ts';
import { giveMemoryBack, PieceCollector } from '../../../src/upstream/receive-memory.ts';

const KiB = 1024;
const MiB = 1024 * KiB;

// In a file of its own: what tests before it left to the collector would count.
test('of many bodies each may keep less waiting', async () => {
  const collectors = Array.from({ length: 40 }, () => new PieceCollector());
  const pieces = collectors.map((collector) => collector.copy(randomBytes(100)));
  const sizes = new Set(pieces.map(({ buffer }) => buffer.byteLength));
  expect(sizes).toEqual(new Set([1 * MiB, 128 * KiB]));
  const waitingBytes = await readAhead();
  expect(waitingBytes).toBe(128 * KiB);
  for (const piece of pieces) giveMemoryBack(piece);
  for (const collector of collectors) collector.end();
  expect(await readAhead()).toBe(1 * MiB);
});

/** How much of a body is taken from it while its reader is busy. */
async function readAhead(): Promise<number> {
  const body = new Readable({ read() {}, highWaterMark: 8 * MiB });
  const runs = gatherRuns(body);
  const first = runs.next();
  let bytes = 0;
  while (!body.isPaused()) {
    body.push(randomBytes(16 * KiB));
    bytes += 16 * KiB;
    await nextTurn();
  }
  await first;
  await runs.return();
  return bytes - body.readableLength - 16 * KiB;
}
