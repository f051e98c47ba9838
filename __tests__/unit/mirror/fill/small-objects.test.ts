import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { computeDigest } from '../../../../src/oci/digest.ts';
import { FillBench, nothing, type Pull } from '../fakes/fill-bench.ts';

const content = randomBytes(200_000);
const digest = computeDigest('sha256', content);
const broken = Object.assign(new Error('input/output error'), { code: 'EIO' });

let bench: FillBench;

beforeEach(() => {
  bench = new FillBench();
});

afterEach(async () => {
  expect(await bench.leftovers()).toEqual(nothing);
});

/** A pull that upstream answers with all of it, which a manifest has called `sizeHintBytes` long. */
async function pullKnownSmall(bytes: Buffer, sizeHintBytes = bytes.length): Promise<Pull> {
  const pull = bench.pull(bytes, { sizeHintBytes });
  await bench.settle();
  bench.upstream.last.answer(bytes).send(bytes).end();
  await bench.settle();
  return pull;
}

describe('an object small enough to be verified before its headers', () => {
  test.each(['write', 'commit'] as const)('reaches its readers whatever the disk says to the %s', async (operation) => {
    const pull = bench.pull(content);
    await bench.settle();
    bench.content.failing.set(operation, broken);
    bench.upstream.last.answer(content).send(content).end();
    await bench.settle();
    expect(pull.end).toBe('complete');
    expect(pull.bytes.equals(content)).toBe(true);
    expect(bench.storeErrors).toEqual(['commit']);
    expect(bench.committed).toEqual([]);
    expect(bench.content.objects.size).toBe(0);
  });

  test('that is known to be small has no file before it is content, and does without one', async () => {
    bench.content.failing.set('begin', broken);
    const pull = await pullKnownSmall(content);
    expect(pull.bytes.equals(content)).toBe(true);
    expect(bench.storeErrors).toEqual([]);
    expect(bench.content.objects.get(digest)?.bytes.equals(content)).toBe(true);
  });

  test('reaches its readers also when the disk refuses all of it', async () => {
    bench.content.failing.set('put', broken);
    const pull = await pullKnownSmall(content);
    expect(pull.end).toBe('complete');
    expect(pull.bytes.equals(content)).toBe(true);
    expect(bench.storeErrors).toEqual(['commit']);
    expect(bench.committed).toEqual([]);
  });

  test('is collected in a file after all when upstream has more of it than was said', async () => {
    const large = randomBytes(2_000_000);
    const pull = await pullKnownSmall(large, 1000);
    expect(pull.end).toBe('complete');
    expect(pull.bytes.equals(large)).toBe(true);
    expect(bench.content.objects.get(computeDigest('sha256', large))?.bytes.equals(large)).toBe(true);
  });

  test('is content once it is on file', async () => {
    const pull = bench.pull(content);
    await bench.settle();
    bench.upstream.last.answer(content).send(content.subarray(0, 70_000)).send(content.subarray(70_000)).end();
    await bench.settle();
    expect(pull.bytes.equals(content)).toBe(true);
    expect(bench.committed).toHaveLength(1);
    expect(bench.content.objects.get(digest)?.bytes.equals(content)).toBe(true);
  });

  test('is an error and not content when the bytes are wrong', async () => {
    const pull = bench.pull(content);
    await bench.settle();
    const wrong = Buffer.from(content);
    wrong.writeUInt8(wrong.readUInt8(5) ^ 1, 5);
    bench.upstream.last.answer(wrong).send(wrong).end();
    await bench.settle();
    expect(pull.end).toBe('content-mismatch');
    expect(bench.content.objects.size).toBe(0);
  });

  test('of which only a part was wanted leaves that part for a later fill, if nobody knew that it is small', async () => {
    await pullPart(undefined);
    const parked = bench.content.parked.get(digest);
    expect(parked?.spans).toEqual([{ start: 0, end: 1000 }]);
    expect(parked?.bytes.subarray(0, 1000).equals(content.subarray(0, 1000))).toBe(true);
  });

  test('that was known to be small leaves nothing of which only a part was wanted', async () => {
    await pullPart(content.length);
    expect(bench.content.parked.size).toBe(0);
    expect(bench.content.objects.size).toBe(0);
  });

  async function pullPart(sizeHintBytes: number | undefined): Promise<void> {
    const hint = sizeHintBytes === undefined ? {} : { sizeHintBytes };
    const pull = bench.pull(content, { demand: { type: 'from', start: 0, end: 1000 }, ...hint });
    await bench.settle();
    const { span } = bench.upstream.last;
    bench.upstream.last.answer(content).send(content.subarray(span?.start, 1000));
    await bench.settle();
    pull.leave();
    await bench.settle();
  }
});
