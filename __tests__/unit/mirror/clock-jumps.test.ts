import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { MirrorError } from '../../../src/oci/errors.ts';
import { day, failureOf, MirrorBench, minute, nothingLeft, placeOf } from './fakes/mirror-bench.ts';
import { createImage } from './fakes/test-manifests.ts';

const old = createImage('old');
const moved = createImage('moved');
const hour = 60 * minute;
const start = 1000 * day;
const jumps: readonly (readonly [string, number])[] = [
  ['an hour ahead', start + hour],
  ['an hour back', start - hour],
  ['to 1970', 0],
  ['to 2100', Date.UTC(2100, 0)],
];

let bench: MirrorBench;

beforeEach(() => {
  bench = new MirrorBench();
});

afterEach(async () => {
  expect(await bench.leftovers()).toEqual(nothingLeft);
});

function breakUpstream(): void {
  bench.upstream.failure = new MirrorError({ kind: 'upstream-failed', message: 'no answer' });
}

describe.each(jumps)('when the clock on the wall jumps %s, a tag that this process has confirmed', (_name, wallMs) => {
  beforeEach(async () => {
    bench.upstream.publish(old, { tag: 'latest' });
    await bench.get('latest');
    bench.upstream.asked.length = 0;
    bench.clock.setWall(wallMs);
  });

  test('is fresh until its time is over, and its age is right', async () => {
    bench.clock.advance(5 * minute - 1);
    expect(await bench.get('latest')).toMatchObject({ outcome: 'hit', ageMs: 5 * minute - 1 });
    expect(bench.upstream.asked).toEqual([]);
  });

  test('is checked when its time is over', async () => {
    bench.clock.advance(5 * minute);
    bench.upstream.publish(moved, { tag: 'latest' });
    expect(await bench.get('latest')).toMatchObject({ outcome: 'miss', digest: moved.digest });
    bench.clock.advance(5 * minute - 1);
    expect(await bench.get('latest')).toMatchObject({ outcome: 'hit', ageMs: 5 * minute - 1 });
  });

  test('is served stale in an outage, as long as configured and no longer', async () => {
    breakUpstream();
    bench.limits.staleIfErrorMs = hour;
    bench.clock.advance(hour);
    expect(await bench.get('latest')).toMatchObject({ outcome: 'stale', ageMs: hour });
    bench.clock.advance(5 * minute + 1);
    expect(await failureOf(bench.get('latest'))).toMatchObject({ kind: 'upstream-failed' });
  });

  test('is as old as it is when the clock comes back', async () => {
    bench.clock.advance(minute);
    bench.clock.setWall(start + minute);
    expect(await bench.get('latest')).toMatchObject({ outcome: 'hit', ageMs: minute });
  });
});

describe('a tag that an earlier process has confirmed', () => {
  /** As it stands in the catalog after a restart. */
  async function restore(checkedMs: number): Promise<void> {
    bench.upstream.publish(old, { tag: 'other' });
    await bench.get('other');
    await bench.catalog.setTag(placeOf(), 'latest', { digest: old.digest, checkedMs, etag: undefined });
    bench.upstream.publish(old, { tag: 'latest' });
    bench.upstream.asked.length = 0;
  }

  test('is as old as the clock on the wall says', async () => {
    await restore(start - minute);
    expect(await bench.get('latest')).toMatchObject({ outcome: 'hit', ageMs: minute });
    bench.clock.advance(4 * minute);
    expect((await bench.get('latest')).outcome).toBe('revalidated');
  });

  test.each(jumps)('is checked in time when that clock jumps %s', async (_name, wallMs) => {
    await restore(start - minute);
    bench.clock.setWall(wallMs);
    bench.clock.advance(4 * minute);
    expect((await bench.get('latest')).outcome).toBe('revalidated');
  });

  test.each(jumps)('is served stale in an outage when that clock jumps %s, but not for ever', async (_name, wallMs) => {
    await restore(start - minute);
    bench.clock.setWall(wallMs);
    breakUpstream();
    bench.clock.advance(5 * minute);
    expect((await bench.get('latest')).outcome).toBe('stale');
    bench.clock.advance(31 * day);
    expect(await failureOf(bench.get('latest'))).toMatchObject({ kind: 'upstream-failed' });
  });

  test('is as old as it is once a clock that was wrong at the start is put right', async () => {
    await restore(Date.UTC(2026, 0));
    expect(Date.UTC(2026, 0)).toBeGreaterThan(start);
    bench.clock.setWall(Date.UTC(2026, 0) + minute);
    expect(await bench.get('latest')).toMatchObject({ outcome: 'hit', ageMs: minute });
  });

  test('in the future is checked at once', async () => {
    await restore(start + 365 * day);
    expect((await bench.get('latest')).outcome).toBe('revalidated');
    expect(bench.upstream.asked).toEqual(['HEAD library/a:latest']);
    expect(await bench.get('latest')).toMatchObject({ outcome: 'hit', ageMs: 0 });
  });

  test('in the future is served stale in an outage, but not for ever', async () => {
    await restore(start + 365 * day);
    breakUpstream();
    bench.limits.staleIfErrorMs = hour;
    bench.clock.advance(hour);
    expect((await bench.get('latest')).outcome).toBe('stale');
    bench.clock.advance(1);
    expect(await failureOf(bench.get('latest'))).toMatchObject({ kind: 'upstream-failed' });
  });

  test('in the future is a hit all the same where it never moves', async () => {
    bench.limits.tagPolicies = [{ match: '*', ttlMs: Infinity }];
    await restore(start + 365 * day);
    expect((await bench.get('latest')).outcome).toBe('hit');
  });
});

test('a tag that nobody has pulled for longer than is remembered goes by the clock on the wall', async () => {
  bench.upstream.publish(old, { tag: 'latest' });
  await bench.get('latest');
  for (let n = 0; n < 20_000; n++) {
    bench.upstream.publish(old, { tag: `t${n}` });
    await bench.get(`t${n}`);
  }
  bench.upstream.asked.length = 0;
  bench.clock.advance(minute);
  expect(await bench.get('latest')).toMatchObject({ outcome: 'hit', ageMs: minute });
});
