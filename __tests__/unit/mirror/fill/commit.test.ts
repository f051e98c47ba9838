import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { computeDigest } from '../../../../src/oci/digest.ts';
import { FillBench, nothing } from '../fakes/fill-bench.ts';

const content = randomBytes(2 * 1024 * 1024);
const digest = computeDigest('sha256', content);
const other = randomBytes(2 * 1024 * 1024);

let bench: FillBench;

beforeEach(() => {
  bench = new FillBench();
});

afterEach(async () => {
  expect(await bench.leftovers()).toEqual(nothing);
});

/** A pull that is served to the end while `other` still comes: then the disk is left alone. */
async function pullBesideAnother() {
  const slow = bench.pull(other);
  await bench.settle();
  const coming = bench.upstream.last;
  coming.answer(other).send(other.subarray(0, 1000));
  const pull = bench.pull(content);
  await bench.settle();
  bench.upstream.last.answer(content).send(content).end();
  await bench.settle();
  expect(pull.end).toBe('complete');
  expect(pull.bytes.equals(content)).toBe(true);
  return {
    async end() {
      coming.send(other.subarray(1000)).end();
      await bench.settle();
      expect(slow.end).toBe('complete');
    },
  };
}

describe('a large object that is right', () => {
  test('becomes content when nothing else comes any more', async () => {
    const another = await pullBesideAnother();
    expect(bench.committed).toEqual([]);
    await another.end();
    expect(bench.committed.map(({ object }) => object.digest)).toContain(digest);
  });

  test('does not wait longer than a second for that', async () => {
    const another = await pullBesideAnother();
    await bench.pass(1000);
    expect(bench.committed.map(({ object }) => object.digest)).toEqual([digest]);
    await another.end();
  });

  test('has taken as long as it took to come, however long it waits', async () => {
    const another = await pullBesideAnother();
    await bench.pass(1000);
    const ended = bench.happenings.filter((happening) => happening.type === 'fill-ended');
    expect(ended).toMatchObject([{ digest, result: 'committed', durationMs: 0 }]);
    await another.end();
  });

  test('is there for whoever comes meanwhile', async () => {
    const another = await pullBesideAnother();
    const asked = bench.upstream.requests.length;
    const next = bench.pull(content);
    await bench.settle();
    expect(next.end).toBe('complete');
    expect(next.bytes.equals(content)).toBe(true);
    expect(bench.upstream.requests).toHaveLength(asked);
    await another.end();
  });

  test('becomes content at once when the mirror shuts down', async () => {
    await pullBesideAnother();
    await bench.fills.close();
    expect(bench.committed.map(({ object }) => object.digest)).toEqual([digest]);
  });
});
