import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { MirrorError } from '../../../src/oci/errors.ts';
import { failureOf, MirrorBench, minute, nothingLeft, placeOf } from './fakes/mirror-bench.ts';
import { silentHead, unknown } from './fakes/scripted-upstream.ts';
import { createImage, fetched } from './fakes/test-manifests.ts';

const old = createImage('old');
const moved = createImage('moved');
const newest = createImage('newest');

let bench: MirrorBench;

beforeEach(async () => {
  bench = new MirrorBench();
  bench.upstream.publish(old, { tag: 'latest' });
  await bench.get('latest');
  bench.upstream.asked.length = 0;
});

afterEach(async () => {
  expect(await bench.leftovers()).toEqual(nothingLeft);
});

function rowDigest(): string | undefined {
  return bench.catalog.findTag(placeOf(), 'latest')?.digest;
}

/** What has become of a pull so far. */
function watch<Value>(pull: Promise<Value>): { value?: Value; error?: unknown } {
  const seen: { value?: Value; error?: unknown } = {};
  pull.then(
    (value) => (seen.value = value),
    (error: unknown) => (seen.error = error),
  );
  return seen;
}

describe('a check that takes longer than clients shall wait', () => {
  test('leaves them with the old manifest, and counts when its answer comes', async () => {
    bench.clock.advance(5 * minute);
    bench.upstream.publish(moved, { tag: 'latest' });
    const release = bench.upstream.hold('HEAD');
    const pull = watch(bench.get('latest'));
    await bench.settle();
    bench.clock.advance(1999);
    await bench.settle();
    expect(pull).toEqual({});
    bench.clock.advance(1);
    await bench.settle();
    expect(pull.value).toMatchObject({ outcome: 'stale', digest: old.digest, ageMs: 5 * minute + 2000 });
    expect(pull.value?.warning).toEqual(expect.any(String));
    release();
    await bench.settle();
    expect(rowDigest()).toBe(moved.digest);
    bench.upstream.asked.length = 0;
    expect(await bench.get('latest')).toMatchObject({ outcome: 'hit', digest: moved.digest });
    expect(bench.upstream.asked).toEqual([]);
  });

  test('is joined by the next pull instead of being made again', async () => {
    bench.clock.advance(5 * minute);
    const release = bench.upstream.hold('HEAD');
    for (let pulls = 0; pulls < 3; pulls++) {
      const pull = bench.get('latest');
      await bench.settle();
      bench.clock.advance(2000);
      expect((await pull).outcome).toBe('stale');
    }
    expect(bench.upstream.asked).toEqual(['HEAD library/a:latest']);
    release();
  });

  test('is waited for once: who comes when its time is over is served at once', async () => {
    bench.clock.advance(5 * minute);
    const release = bench.upstream.hold('HEAD');
    const first = bench.get('latest');
    await bench.settle();
    bench.clock.advance(1500);
    const second = watch(bench.get('latest'));
    await bench.settle();
    bench.clock.advance(500);
    expect((await first).outcome).toBe('stale');
    await bench.settle();
    expect(second.value?.outcome).toBe('stale');
    const third = watch(bench.get('latest'));
    await bench.settle();
    bench.clock.advance(0);
    await bench.settle();
    expect(third.value?.outcome).toBe('stale');
    release();
  });

  test('may fail in its own time without anybody noticing', async () => {
    bench.clock.advance(5 * minute);
    bench.upstream.failure = new MirrorError({ kind: 'upstream-failed', message: 'no answer' });
    const release = bench.upstream.hold('HEAD');
    const pull = bench.get('latest');
    await bench.settle();
    bench.clock.advance(2000);
    expect((await pull).outcome).toBe('stale');
    release();
    await bench.settle();
    expect(rowDigest()).toBe(old.digest);
  });

  test('has all the time it needs when there is no old manifest', async () => {
    const release = bench.upstream.hold('HEAD');
    bench.upstream.publish(old, { tag: 'unseen' });
    const pull = watch(bench.get('unseen'));
    await bench.settle();
    bench.clock.advance(minute);
    await bench.settle();
    expect(pull).toEqual({});
    release();
    await bench.settle();
    expect(pull.value?.digest).toBe(old.digest);
  });
});

describe('while a tag may be checked in the background', () => {
  beforeEach(() => {
    bench.limits.staleWhileRevalidateMs = minute;
    bench.upstream.publish(moved, { tag: 'latest' });
  });

  test('clients get the old manifest at once, and the new one when the check is done', async () => {
    bench.clock.advance(6 * minute - 1);
    const release = bench.upstream.hold('HEAD');
    const served = await bench.get('latest');
    expect(served).toMatchObject({ outcome: 'stale', digest: old.digest, ageMs: 6 * minute - 1 });
    expect(served.warning).toEqual(expect.any(String));
    expect(bench.upstream.asked).toEqual(['HEAD library/a:latest']);
    release();
    await bench.settle();
    expect(await bench.get('latest')).toMatchObject({ outcome: 'hit', digest: moved.digest });
  });

  test('the first pull after that time waits for the check', async () => {
    bench.clock.advance(6 * minute);
    expect(await bench.get('latest')).toMatchObject({ outcome: 'miss', digest: moved.digest });
  });

  test('a check that fails leaves the tag as it is, for the next pull to try again', async () => {
    bench.clock.advance(5 * minute);
    bench.upstream.failure = new MirrorError({ kind: 'upstream-failed', message: 'no answer' });
    expect((await bench.get('latest')).digest).toBe(old.digest);
    await bench.settle();
    bench.upstream.failure = undefined;
    await bench.get('latest');
    await bench.settle();
    expect(rowDigest()).toBe(moved.digest);
  });

  test('a tag that is gone is gone with the next pull', async () => {
    bench.clock.advance(5 * minute);
    bench.upstream.manifests.set('library/a:latest', unknown('manifest-unknown'));
    expect((await bench.get('latest')).outcome).toBe('stale');
    await bench.settle();
    expect(await failureOf(bench.get('latest'))).toMatchObject({ kind: 'manifest-unknown' });
  });
});

describe('one check', () => {
  test('answers fifty clients, and one fetch gives them the bytes', async () => {
    bench.clock.advance(5 * minute);
    bench.upstream.publish(moved, { tag: 'latest' });
    const pulls = await Promise.all(Array.from({ length: 50 }, async () => await bench.get('latest')));
    for (const { digest, bytes } of pulls) {
      expect(digest).toBe(moved.digest);
      expect(bytes).toEqual(moved.bytes);
    }
    expect(bench.upstream.asked).toEqual(['HEAD library/a:latest', `GET library/a@${moved.digest}`]);
  });

  test('lasts until the bytes are here: who comes meanwhile asks nothing, and waits no longer than the first', async () => {
    bench.clock.advance(5 * minute);
    bench.upstream.publish(moved, { tag: 'latest' });
    const release = bench.upstream.hold('GET');
    const first = watch(bench.get('latest'));
    await bench.settle();
    bench.clock.advance(1500);
    const second = watch(bench.get('latest'));
    await bench.settle();
    bench.clock.advance(500);
    await bench.settle();
    expect(first.value).toMatchObject({ outcome: 'stale', digest: old.digest });
    expect(second.value).toMatchObject({ outcome: 'stale', digest: old.digest });
    release();
    await bench.settle();
    expect(await bench.get('latest')).toMatchObject({ outcome: 'hit', digest: moved.digest, bytes: moved.bytes });
    expect(bench.upstream.asked).toEqual(['HEAD library/a:latest', `GET library/a@${moved.digest}`]);
    expect(rowDigest()).toBe(moved.digest);
  });

  test('that fails fails for all who wait for it, and is made anew for the next', async () => {
    bench.upstream.failure = new MirrorError({ kind: 'upstream-failed', message: 'no answer' });
    const failures = await Promise.all(Array.from({ length: 50 }, async () => await failureOf(bench.get('unseen'))));
    for (const failure of failures) expect(failure).toMatchObject({ kind: 'upstream-failed' });
    expect(bench.upstream.asked).toEqual(['HEAD library/a:unseen']);
    bench.upstream.failure = undefined;
    bench.upstream.publish(old, { tag: 'unseen' });
    expect((await bench.get('unseen')).digest).toBe(old.digest);
  });

  test('is one for each tag, repository and upstream', async () => {
    bench.upstream.publish(old, { tag: 'b', repository: 'library/a' });
    bench.upstream.publish(moved, { tag: 'b', repository: 'library/c' });
    bench.other.publish(newest, { tag: 'b', repository: 'library/a' });
    const pulls = await Promise.all([
      bench.get('b'),
      bench.get('b', { repository: 'library/c' }),
      bench.get('b', { upstream: 'other.example' }),
    ]);
    expect(pulls.map(({ digest }) => digest)).toEqual([old.digest, moved.digest, newest.digest]);
  });
});

describe('of two answers the one that was asked for later counts', () => {
  /** A HEAD that has learnt the digest of `moved`, whose manifest its client has not asked for yet. */
  async function headUnseen(): Promise<void> {
    bench.upstream.publish(moved, { tag: 'unseen' });
    await bench.head('unseen');
    bench.clock.advance(10);
  }

  test('also when it says that the tag is gone', async () => {
    await headUnseen();
    bench.upstream.manifests.set('library/a:unseen', unknown('manifest-unknown'));
    expect(await failureOf(bench.get('unseen'))).toMatchObject({ kind: 'manifest-unknown' });
    await bench.get(moved.digest);
    expect(bench.catalog.findTag(placeOf(), 'unseen')).toBeUndefined();
  });

  test('also when the earlier one was a HEAD whose manifest is fetched only now', async () => {
    await headUnseen();
    bench.upstream.publish(newest, { tag: 'unseen' });
    await bench.get('unseen');
    await bench.get(moved.digest);
    expect(bench.catalog.findTag(placeOf(), 'unseen')?.digest).toBe(newest.digest);
  });
});

describe('a HEAD of a tag', () => {
  test('that nobody has pulled costs one HEAD upstream and no bytes', async () => {
    bench.upstream.publish(moved, { tag: 'unseen' });
    const served = await bench.head('unseen');
    expect(served).toMatchObject({
      outcome: 'miss',
      digest: moved.digest,
      mediaType: moved.mediaType,
      sizeBytes: moved.bytes.length,
      ageMs: 0,
    });
    expect(bench.upstream.asked).toEqual(['HEAD library/a:unseen']);
    expect(bench.catalog.findTag(placeOf(), 'unseen')).toBeUndefined();
  });

  test('and a GET by the digest that it gave make the tag known: warm with upstream dead', async () => {
    bench.upstream.publish(moved, { tag: 'unseen' });
    const { digest } = await bench.head('unseen');
    await bench.get(digest);
    bench.upstream.failure = new MirrorError({ kind: 'upstream-failed', message: 'no answer' });
    expect(await bench.head('unseen')).toMatchObject({ outcome: 'hit', digest: moved.digest });
    expect((await bench.get('unseen')).bytes).toEqual(moved.bytes);
    bench.clock.advance(6 * minute);
    expect(await bench.get('unseen')).toMatchObject({ outcome: 'stale', digest: moved.digest });
  });

  test('whose manifest is here under another tag makes it known at once', async () => {
    bench.upstream.publish(old, { tag: 'unseen' });
    expect(await bench.head('unseen')).toMatchObject({ outcome: 'miss', digest: old.digest });
    expect(bench.catalog.findTag(placeOf(), 'unseen')?.digest).toBe(old.digest);
    expect(bench.upstream.asked).toEqual(['HEAD library/a:unseen']);
  });

  test('without a digest in the answer costs one GET, which is not made again', async () => {
    bench.upstream.heads.set('library/a:unseen', silentHead);
    bench.upstream.manifests.set('library/a:unseen', fetched(moved));
    const { digest } = await bench.head('unseen');
    expect(digest).toBe(moved.digest);
    expect(bench.upstream.asked).toEqual(['HEAD library/a:unseen', 'GET library/a:unseen']);
    bench.upstream.failure = new MirrorError({ kind: 'upstream-failed', message: 'no answer' });
    expect((await bench.get(digest)).bytes).toEqual(moved.bytes);
    expect((await bench.get('unseen')).digest).toBe(moved.digest);
  });

  test('within its time asks nobody, later it is checked, in an outage it is stale', async () => {
    expect(await bench.head('latest')).toMatchObject({ outcome: 'hit', digest: old.digest });
    expect(bench.upstream.asked).toEqual([]);
    bench.clock.advance(5 * minute);
    expect((await bench.head('latest')).outcome).toBe('revalidated');
    bench.clock.advance(5 * minute);
    bench.upstream.failure = new MirrorError({ kind: 'upstream-throttled', message: 'slower' });
    expect((await bench.head('latest')).outcome).toBe('stale');
  });

  test('that upstream lacks is unknown', async () => {
    expect(await failureOf(bench.head('unseen'))).toMatchObject({ kind: 'manifest-unknown' });
  });
});
