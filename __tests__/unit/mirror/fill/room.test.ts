import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { FillBench, nothing, type Pull } from '../fakes/fill-bench.ts';

const MiB = 1024 * 1024;
const content = randomBytes(2 * MiB);
const full = Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });

let bench: FillBench;

beforeEach(() => {
  bench = new FillBench();
});

afterEach(async () => {
  expect(await bench.leftovers()).toEqual(nothing);
});

/** A pull that upstream answers with a body of which it does not say the size. */
async function pullUnsized(bytes: Buffer): Promise<Pull> {
  const pull = bench.pull(bytes);
  await bench.settle();
  bench.upstream.last.answer(bytes, { whole: true, unsized: true });
  await bench.settle();
  return pull;
}

describe('a fill on a full disk', () => {
  /** The disk refuses `operation` until room is made; what was refused. */
  function fillDisk(operation: 'begin' | 'write', { canMakeRoom }: { canMakeRoom: boolean }): unknown[] {
    const asked: unknown[] = [];
    bench.content.failing.set(operation, full);
    bench.makeRoom = (bytes, error) => {
      asked.push([bytes, error]);
      if (canMakeRoom) bench.content.failing.delete(operation);
      return canMakeRoom;
    };
    return asked;
  }

  test('has room made at its start, and is tried once more', async () => {
    const asked = fillDisk('begin', { canMakeRoom: true });
    const pull = bench.pull(content);
    await bench.settle();
    bench.upstream.last.answer(content).send(content).end();
    await bench.settle();
    expect((await pull.served).outcome).toBe('miss');
    expect(pull.end).toBe('complete');
    expect(asked).toEqual([[0, full]]);
    expect(bench.committed).toHaveLength(1);
    expect(bench.storeErrors).toEqual([]);
  });

  test('has room made for what it writes', async () => {
    const pull = bench.pull(content);
    await bench.settle();
    const asked = fillDisk('write', { canMakeRoom: true });
    bench.upstream.last.answer(content).send(content).end();
    await bench.settle();
    expect(pull.end).toBe('complete');
    expect(asked).toEqual([[content.length, full]]);
    expect(bench.committed).toHaveLength(1);
  });

  test('is tried no third time: the pull goes around the store', async () => {
    let rooms = 0;
    bench.content.failing.set('begin', full);
    bench.makeRoom = () => {
      rooms += 1;
      return true;
    };
    bench.upstream.headAnswers.set('library/a', { sizeBytes: content.length, provenance: 'public' });
    const pull = bench.pull(content);
    await bench.settle();
    bench.upstream.last.answer(content).send(content).end();
    await bench.settle();
    expect(rooms).toBe(1);
    expect((await pull.served).outcome).toBe('bypass');
    expect(pull.end).toBe('complete');
    expect(bench.storeErrors).toEqual(['begin']);
  });

  test('on which nothing can be freed goes around the store at once', async () => {
    const asked = fillDisk('begin', { canMakeRoom: false });
    bench.upstream.headAnswers.set('library/a', { sizeBytes: content.length, provenance: 'public' });
    const pull = bench.pull(content);
    await bench.settle();
    bench.upstream.last.answer(content).send(content).end();
    await bench.settle();
    expect(pull.end).toBe('complete');
    expect(asked).toHaveLength(1);
    expect(bench.committed).toEqual([]);
  });
});

describe('the booking of a fill', () => {
  test('is as large as the blob, from the answer until it is content', async () => {
    const pull = bench.pull(content);
    await bench.settle();
    expect(bench.bookedBytes).toBe(0);
    bench.upstream.last.answer(content);
    await bench.settle();
    expect(bench.bookedBytes).toBe(content.length);
    bench.upstream.last.send(content).end();
    await bench.settle();
    expect(pull.end).toBe('complete');
    expect(bench.bookedBytes).toBe(0);
  });

  test('of a blob of unknown size grows with it, and ends as large as it is', async () => {
    const large = randomBytes(33 * MiB);
    const pull = await pullUnsized(large);
    expect(bench.bookedBytes).toBe(0);
    const booked: number[] = [];
    for (const [start, end] of [
      [0, 1],
      [1, 16 * MiB],
      [16 * MiB, 17 * MiB],
      [17 * MiB, 33 * MiB],
    ] as const) {
      bench.upstream.last.send(large.subarray(start, end));
      await bench.settle();
      booked.push(bench.bookedBytes / MiB);
    }
    expect(booked).toEqual([16, 16, 32, 48]);
    bench.upstream.last.end();
    await bench.settle();
    expect(pull.end).toBe('complete');
    expect(bench.committed).toMatchObject([{ object: { sizeBytes: large.length } }]);
    expect(bench.bookedBytes).toBe(0);
  });

  test('of a blob of unknown size stops when no more fits: the reader goes on around the store', async () => {
    bench.fitsBytes = 24 * MiB;
    const large = randomBytes(20 * MiB);
    const pull = await pullUnsized(large);
    bench.upstream.last.send(large.subarray(0, 15 * MiB));
    await bench.settle();
    expect(bench.bookedBytes).toBe(16 * MiB);
    bench.upstream.last.send(large.subarray(15 * MiB, 17 * MiB));
    await bench.settle();
    expect(bench.bookedBytes).toBe(0);
    expect(bench.upstream.requests).toHaveLength(2);
    // All but the tail had been given out.
    const start = 15 * MiB - 64 * 1024;
    expect(bench.upstream.last.span?.start).toBe(start);
    bench.upstream.last.answer(large).send(large.subarray(start)).end();
    await bench.settle();
    expect(pull.end).toBe('complete');
    expect(pull.bytes.equals(large)).toBe(true);
    expect(bench.committed).toEqual([]);
    // Nothing has failed: it is only too much.
    expect(bench.storeErrors).toEqual([]);
  });

  test('of a blob of unknown size that fits exactly is not too much', async () => {
    bench.fitsBytes = 16 * MiB;
    const large = randomBytes(16 * MiB);
    const pull = await pullUnsized(large);
    bench.upstream.last.send(large).end();
    await bench.settle();
    expect(pull.end).toBe('complete');
    expect(bench.committed).toHaveLength(1);
  });

  test('is given back by a fill that fails', async () => {
    const pull = await pullUnsized(content);
    bench.upstream.last.send(content.subarray(0, MiB)).end();
    await bench.settle();
    expect(pull.end).toBe('content-mismatch');
    expect(bench.bookedBytes).toBe(0);
  });
});
