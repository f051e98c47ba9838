import { describe, expect, test } from '@jest/globals';
import { BufferPool, chunkOf, type LentBuffer } from '../../../../src/mirror/fill/buffer-pool.ts';

const KiB = 1024;
const large = 512 * KiB;
const small = 16 * KiB;

/** Takes until nothing is left to take, without waiting. */
async function takeAll(pool: BufferPool, count: number): Promise<LentBuffer[]> {
  return await Promise.all(Array.from({ length: count }, async () => await pool.take()));
}

/** Whether a promise has been kept once everything that was ready has run. */
async function isKept(promise: Promise<unknown>): Promise<boolean> {
  const waiting = Symbol('waiting');
  return (await Promise.race([promise, Promise.resolve(waiting)])) !== waiting;
}

describe('a pool of buffers', () => {
  test('lends large buffers until half of it is out, then small ones', async () => {
    const pool = new BufferPool(4 * large);
    const sizes = (await takeAll(pool, 4)).map(({ bytes }) => bytes.length);
    expect(sizes).toEqual([large, large, small, small]);
    expect(pool.lentBytes).toBe(2 * large + 2 * small);
  });

  test('never lends more than it has; who comes later waits in line', async () => {
    const pool = new BufferPool(3 * small);
    const lent = await takeAll(pool, 3);
    expect(pool.lentBytes).toBe(3 * small);
    const first = pool.take();
    const second = pool.take();
    expect(await isKept(first)).toBe(false);
    lent[0]?.release();
    expect((await first).bytes.length).toBe(small);
    expect(await isKept(second)).toBe(false);
    expect(pool.lentBytes).toBe(3 * small);
    lent[1]?.release();
    expect((await second).bytes.length).toBe(small);
  });

  test('serves several who wait when a large buffer comes back', async () => {
    const pool = new BufferPool(2 * large);
    const [first] = await takeAll(pool, 1 + large / small);
    const waiting = [pool.take(), pool.take(), pool.take()];
    first?.release();
    const sizes = (await Promise.all(waiting)).map(({ bytes }) => bytes.length);
    expect(sizes).toEqual([small, small, small]);
    expect(pool.lentBytes).toBe(large + 3 * small);
  });

  test('uses a buffer again that has come back', async () => {
    const pool = new BufferPool(4 * large);
    const { bytes, release } = await pool.take();
    release();
    expect((await pool.take()).bytes).toBe(bytes);
  });

  test('lets go of buffers of one size when all that it may hold is needed in the other', async () => {
    const pool = new BufferPool(4 * large);
    const [first, second, ...smalls] = await takeAll(pool, 2 + (2 * large) / small);
    first?.release();
    second?.release();
    smalls.push(...(await takeAll(pool, (2 * large) / small)));
    expect(pool.lentBytes).toBe(4 * large);
    for (const { release } of smalls) release();
    const again = await takeAll(pool, 2);
    expect(again.map(({ bytes }) => bytes.length)).toEqual([large, large]);
    for (const { bytes } of again) expect([first?.bytes, second?.bytes]).not.toContain(bytes);
  });

  test('takes a buffer back once, however often it is released', async () => {
    const pool = new BufferPool(4 * large);
    const kept = await pool.take();
    const { release } = await pool.take();
    release();
    release();
    expect(pool.lentBytes).toBe(large);
    const again = await takeAll(pool, 2);
    expect(new Set([kept, ...again].map(({ bytes }) => bytes)).size).toBe(3);
  });

  test('gives the first bytes of a buffer as a chunk that gives it back', async () => {
    const pool = new BufferPool(4 * large);
    const chunk = chunkOf(await pool.take(), 10);
    expect(chunk.bytes.length).toBe(10);
    chunk.release();
    expect(pool.lentBytes).toBe(0);
  });

  test('never lends a forfeited buffer again, and has room for another in its place', async () => {
    const pool = new BufferPool(2 * large);
    const first = await pool.take();
    first.forfeit();
    first.release();
    expect(pool.lentBytes).toBe(0);
    const others = await takeAll(pool, 1);
    expect(others.some(({ bytes }) => bytes.buffer === first.bytes.buffer)).toBe(false);
  });
});
