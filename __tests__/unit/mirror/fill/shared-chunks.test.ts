import { beforeEach, describe, expect, test } from '@jest/globals';
import { BufferPool } from '../../../../src/mirror/fill/buffer-pool.ts';
import { SharedChunks } from '../../../../src/mirror/fill/shared-chunks.ts';
import type { BodyChunk } from '../../../../src/mirror/pull.ts';

const KiB = 1024;
const content = Buffer.from(Array.from({ length: 1200 * KiB }, (_, index) => (index * 31) % 251));

describe('chunks of a file that many read', () => {
  let buffers: BufferPool;
  let chunks: SharedChunks;
  let loads: number[];
  let failure: Error | undefined;
  /** Bytes that are on the file. */
  let here: number;

  beforeEach(() => {
    buffers = new BufferPool(8 * 1024 * KiB);
    chunks = new SharedChunks();
    loads = [];
    failure = undefined;
    here = content.length;
  });

  async function read(position: number, end = content.length): Promise<BodyChunk | undefined> {
    return await chunks.read({
      position,
      end,
      buffers,
      load: async (from, into) => {
        loads.push(from);
        await Promise.resolve();
        if (failure !== undefined) throw failure;
        return content.copy(into, 0, from, here);
      },
    });
  }

  async function expectBytes(position: number, end = content.length): Promise<BodyChunk> {
    const chunk = await read(position, end);
    const length = chunk?.bytes.length ?? 0;
    expect(length).toBeGreaterThan(0);
    expect(position + length).toBeLessThanOrEqual(end);
    expect(Buffer.from(chunk?.bytes ?? []).equals(content.subarray(position, position + length))).toBe(true);
    return chunk ?? { bytes: Buffer.alloc(0), release() {} };
  }

  test('are read once for all who come together, and the last one gives the buffer back', async () => {
    const held = await Promise.all(Array.from({ length: 100 }, () => expectBytes(0)));
    expect(loads).toEqual([0]);
    const [last, ...others] = held;
    // Once each, however often it is said.
    for (const chunk of [...others, ...others]) chunk.release();
    expect(buffers.lentBytes).toBe(512 * KiB);
    last?.release();
    expect(buffers.lentBytes).toBe(0);
  });

  test('are shared with those who begin in the middle, and give none more than it may have', async () => {
    const first = await expectBytes(1000);
    const second = await expectBytes(200 * KiB, 201 * KiB);
    expect(second.bytes.length).toBe(KiB);
    expect(loads).toEqual([1000]);
    const before = await expectBytes(0);
    expect(loads).toEqual([1000, 0]);
    for (const chunk of [first, second, before]) chunk.release();
    expect(buffers.lentBytes).toBe(0);
  });

  test('are read again when nobody holds them any more, or when more of them has come', async () => {
    here = 100 * KiB;
    const short = await expectBytes(0, here);
    here = content.length;
    const rest = await expectBytes(100 * KiB);
    expect(loads).toEqual([0, 100 * KiB]);
    short.release();
    rest.release();
    (await expectBytes(100 * KiB)).release();
    expect(loads).toEqual([0, 100 * KiB, 100 * KiB]);
    expect(buffers.lentBytes).toBe(0);
  });

  test('end where the next one begins', async () => {
    let position = 0;
    while (position < content.length) {
      const chunk = await expectBytes(position);
      position += chunk.bytes.length;
      chunk.release();
    }
    expect(loads).toEqual([0, 512 * KiB, 1024 * KiB]);
  });

  test('that cannot be read are nobody’s, and the next reader tries again', async () => {
    failure = new Error('EIO');
    const reads = await Promise.allSettled([read(0), read(0), read(0)]);
    expect(reads.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
    expect(buffers.lentBytes).toBe(0);
    failure = undefined;
    (await expectBytes(0)).release();
    expect(buffers.lentBytes).toBe(0);
  });

  test('of a file that is shorter than it should be are none', async () => {
    here = 10;
    expect(await read(10)).toBeUndefined();
    expect(buffers.lentBytes).toBe(0);
  });
});
