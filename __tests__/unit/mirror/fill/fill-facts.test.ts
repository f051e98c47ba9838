import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { RateMeter } from '../../../../src/mirror/fill/rate-meter.ts';
import { computeDigest } from '../../../../src/oci/digest.ts';
import { createManualClock } from '../../http/manual-clock.ts';
import { FillBench, nothing } from '../fakes/fill-bench.ts';
import { absent } from '../fakes/scripted-blob-upstream.ts';

const MiB = 1024 * 1024;
const content = randomBytes(2 * MiB);
const digest = computeDigest('sha256', content);
const place = { digest, upstream: 'docker.io', repository: 'library/a' };

describe('fills that run', () => {
  let bench: FillBench;
  beforeEach(() => {
    bench = new FillBench();
  });
  afterEach(async () => {
    expect(await bench.leftovers()).toEqual(nothing);
    expect(bench.fills.list()).toEqual([]);
  });

  test('are listed with what is known of them', async () => {
    bench.pull(content);
    await bench.settle();
    expect(bench.fills.list()).toEqual([
      { ...place, sizeBytes: undefined, hereBytes: 0, bytesPerSecond: 0, readers: 1, connections: 1, startedMs: 0 },
    ]);
    bench.upstream.last.answer(content).send(content.subarray(0, MiB));
    await bench.settle();
    bench.pull(content);
    await bench.pass(1_000);
    expect(bench.fills.list()).toMatchObject([
      { sizeBytes: 2 * MiB, hereBytes: MiB, bytesPerSecond: MiB, readers: 2, connections: 1 },
    ]);
    bench.upstream.last.send(content.subarray(MiB)).end();
    await bench.settle();
  });

  test('are told of when they begin and when they end', async () => {
    bench.pull(content);
    await bench.settle();
    expect(bench.happenings).toMatchObject([{ type: 'fill-started', fill: { ...place, sizeBytes: undefined } }]);
    bench.upstream.last.answer(content).send(content).end();
    await bench.pass(1_000);
    expect(bench.happenings.slice(1)).toMatchObject([
      { type: 'fill-ended', ...place, result: 'committed', sizeBytes: 2 * MiB, reason: undefined },
    ]);
  });

  test('say why they failed', async () => {
    bench.pull(content);
    await bench.settle();
    bench.upstream.last.refuse(absent());
    await bench.settle();
    expect(bench.happenings.at(-1)).toMatchObject({ type: 'fill-ended', result: 'failed', reason: absent().message });
  });
});

describe('a rate', () => {
  test('is that of the last three seconds', () => {
    const clock = createManualClock(10_000);
    const meter = new RateMeter(clock);
    meter.add(1_000);
    expect(meter.bytesPerSecond).toBe(2_000);
    for (let step = 0; step < 20; step += 1) {
      clock.advance(500);
      meter.add(1_000);
    }
    expect(meter.bytesPerSecond).toBeGreaterThan(1_900);
    expect(meter.bytesPerSecond).toBeLessThan(2_500);
    clock.advance(3_000);
    expect(meter.bytesPerSecond).toBe(0);
    clock.advance(3_600_000);
    meter.add(3_000);
    expect(meter.bytesPerSecond).toBeLessThan(1_300);
  });
});
