import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { MirrorError, type MirrorErrorKind } from '../../../src/oci/errors.ts';
import { failureOf, MirrorBench, minute, nothingLeft, placeOf } from './fakes/mirror-bench.ts';
import { denied, silentHead, unknown } from './fakes/scripted-upstream.ts';
import { createImage, fetched, type TestManifest } from './fakes/test-manifests.ts';

const old = createImage('old');
const moved = createImage('moved');
const outageKinds: readonly MirrorErrorKind[] = [
  'upstream-failed',
  'upstream-timeout',
  'upstream-throttled',
  'upstream-paused',
];

let bench: MirrorBench;

beforeEach(() => {
  bench = new MirrorBench();
});

afterEach(async () => {
  expect(await bench.leftovers()).toEqual(nothingLeft);
});

/** The tag is known; nothing that was asked for it counts. */
async function pullOnce(): Promise<void> {
  bench.upstream.publish(old, { tag: 'latest' });
  await bench.get('latest');
  bench.upstream.asked.length = 0;
}

function rowDigest(): string | undefined {
  return bench.catalog.findTag(placeOf(), 'latest')?.digest;
}

function failure(kind: MirrorErrorKind): MirrorError {
  return new MirrorError({ kind, message: 'no answer' });
}

describe('a tag', () => {
  test('that nobody has pulled yet is asked by HEAD and fetched by digest', async () => {
    bench.upstream.publish(old, { tag: 'latest' });
    const served = await bench.get('latest');
    expect(served).toMatchObject({ outcome: 'miss', digest: old.digest, ageMs: 0, warning: undefined });
    expect(served.bytes).toEqual(old.bytes);
    expect(bench.upstream.asked).toEqual(['HEAD library/a:latest', `GET library/a@${old.digest}`]);
  });

  test('is not asked for again within its time', async () => {
    await pullOnce();
    bench.clock.advance(5 * minute - 1);
    bench.upstream.publish(moved, { tag: 'latest' });
    expect(await bench.get('latest')).toMatchObject({
      outcome: 'hit',
      digest: old.digest,
      ageMs: 5 * minute - 1,
      warning: undefined,
    });
    expect(bench.upstream.asked).toEqual([]);
  });

  test('that has not moved costs one HEAD and is fresh again', async () => {
    await pullOnce();
    bench.clock.advance(5 * minute);
    expect(await bench.get('latest')).toMatchObject({ outcome: 'revalidated', digest: old.digest, ageMs: 0 });
    expect(bench.upstream.asked).toEqual(['HEAD library/a:latest']);
    bench.clock.advance(5 * minute - 1);
    expect((await bench.get('latest')).outcome).toBe('hit');
    expect(bench.upstream.asked).toHaveLength(1);
  });

  test('that has moved is fetched by its new digest', async () => {
    await pullOnce();
    bench.clock.advance(5 * minute);
    bench.upstream.publish(moved, { tag: 'latest' });
    const served = await bench.get('latest');
    expect(served).toMatchObject({ outcome: 'miss', digest: moved.digest, ageMs: 0, warning: undefined });
    expect(served.bytes).toEqual(moved.bytes);
    expect(bench.upstream.asked).toEqual(['HEAD library/a:latest', `GET library/a@${moved.digest}`]);
    expect((await bench.get('latest')).digest).toBe(moved.digest);
  });

  test('that has moved to what is here already costs one HEAD', async () => {
    await pullOnce();
    bench.upstream.publish(moved);
    await bench.get(moved.digest);
    bench.upstream.asked.length = 0;
    bench.clock.advance(5 * minute);
    bench.upstream.publish(moved, { tag: 'latest' });
    expect((await bench.get('latest')).digest).toBe(moved.digest);
    expect(bench.upstream.asked).toEqual(['HEAD library/a:latest']);
    expect(rowDigest()).toBe(moved.digest);
  });

  test('names the new manifest only when its bytes are in the store', async () => {
    await pullOnce();
    bench.clock.advance(5 * minute);
    bench.upstream.publish(moved, { tag: 'latest' });
    const release = bench.upstream.hold('GET');
    const pull = bench.get('latest');
    await bench.settle();
    expect(rowDigest()).toBe(old.digest);
    release();
    await pull;
    expect(rowDigest()).toBe(moved.digest);
    expect(bench.content.objects.has(moved.digest)).toBe(true);
  });

  test('goes on naming the old manifest while the store does not take the new one, which is served', async () => {
    await pullOnce();
    bench.clock.advance(5 * minute);
    bench.upstream.publish(moved, { tag: 'latest' });
    bench.content.failing.set('put', new Error('ENOSPC'));
    expect((await bench.get('latest')).bytes).toEqual(moved.bytes);
    expect(rowDigest()).toBe(old.digest);
  });

  test.each([...outageKinds, 'content-mismatch', 'manifest-unknown', 'blob-unknown'] as const)(
    'goes on naming the old manifest when fetching the new one ends in %s',
    async (kind) => {
      await pullOnce();
      bench.clock.advance(5 * minute);
      bench.upstream.publish(moved, { tag: 'latest' });
      bench.upstream.manifests.set(`library/a@${moved.digest}`, failure(kind));
      const served = await bench.get('latest');
      expect(served).toMatchObject({ outcome: 'stale', digest: old.digest, ageMs: 5 * minute });
      expect(served.warning).toEqual(expect.any(String));
      expect(rowDigest()).toBe(old.digest);
      bench.upstream.publish(moved, { tag: 'latest' });
      expect((await bench.get('latest')).digest).toBe(moved.digest);
    },
  );

  test('whose digest upstream names and then lacks is a failure of upstream, not absence', async () => {
    bench.upstream.publish(moved, { tag: 'latest' });
    bench.upstream.manifests.delete(`library/a@${moved.digest}`);
    expect(await failureOf(bench.get('latest'))).toMatchObject({ kind: 'upstream-failed' });
  });

  test('that upstream no longer has is gone, and stays gone in an outage', async () => {
    await pullOnce();
    bench.clock.advance(5 * minute);
    bench.upstream.manifests.delete('library/a:latest');
    expect(await failureOf(bench.get('latest'))).toMatchObject({ kind: 'manifest-unknown' });
    expect(rowDigest()).toBeUndefined();
    bench.upstream.failure = failure('upstream-failed');
    expect(await failureOf(bench.get('latest'))).toMatchObject({ kind: 'upstream-failed' });
  });

  test('that upstream denies is denied at once, however much is here', async () => {
    await pullOnce();
    bench.clock.advance(5 * minute);
    bench.upstream.manifests.set('library/a:latest', denied());
    expect(await failureOf(bench.get('latest'))).toMatchObject({ kind: 'upstream-denied' });
  });

  test('whose manifest has been evicted is fetched again by digest, also within its time', async () => {
    await pullOnce();
    await bench.catalog.removeContent(old.digest);
    bench.content.objects.clear();
    expect(await bench.get('latest')).toMatchObject({ outcome: 'miss', bytes: old.bytes });
    expect(bench.upstream.asked).toContain(`GET library/a@${old.digest}`);
    expect(bench.content.objects.has(old.digest)).toBe(true);
  });

  test('whose manifest is damaged on the disk is fetched again by digest', async () => {
    await pullOnce();
    bench.content.objects.get(old.digest)?.bytes.write('x', 7);
    expect((await bench.get('latest')).bytes).toEqual(old.bytes);
    expect(bench.upstream.asked).toContain(`GET library/a@${old.digest}`);
    bench.upstream.asked.length = 0;
    expect((await bench.get('latest')).outcome).toBe('hit');
    expect(bench.upstream.asked).toEqual([]);
  });

  test('whose manifest is gone from the disk is an error in an outage, not an empty answer', async () => {
    await pullOnce();
    bench.content.objects.clear();
    bench.upstream.failure = failure('upstream-failed');
    expect(await failureOf(bench.get('latest'))).toMatchObject({ kind: 'upstream-failed' });
  });

  test('is known by its name in its repository of its upstream only', async () => {
    await pullOnce();
    expect(await failureOf(bench.get('latest', { repository: 'library/b' }))).toMatchObject({
      kind: 'manifest-unknown',
    });
    expect(await failureOf(bench.get('latest', { upstream: 'other.example' }))).toMatchObject({
      kind: 'manifest-unknown',
    });
  });
});

describe('in an outage', () => {
  test.each(outageKinds)('that shows as %s the tag is served stale, with its age and a warning', async (kind) => {
    await pullOnce();
    bench.clock.advance(7 * minute);
    bench.upstream.failure = failure(kind);
    const served = await bench.get('latest');
    expect(served).toMatchObject({ outcome: 'stale', digest: old.digest, ageMs: 7 * minute });
    expect(served.bytes).toEqual(old.bytes);
    expect(served.warning).toEqual(expect.any(String));
  });

  test('a tag is served stale as long as configured, and then no more', async () => {
    await pullOnce();
    bench.limits.staleIfErrorMs = 20 * minute;
    bench.upstream.failure = failure('upstream-failed');
    bench.clock.advance(20 * minute);
    expect((await bench.get('latest')).outcome).toBe('stale');
    bench.clock.advance(5 * minute + 1);
    expect(await failureOf(bench.get('latest'))).toMatchObject({ kind: 'upstream-failed' });
  });

  test('a tag may be served stale for ever', async () => {
    await pullOnce();
    bench.limits.staleIfErrorMs = Infinity;
    bench.upstream.failure = failure('upstream-failed');
    bench.clock.advance(1e12);
    expect((await bench.get('latest')).outcome).toBe('stale');
  });

  test.each(outageKinds)('that shows as %s an unseen tag is that error', async (kind) => {
    bench.upstream.failure = new MirrorError({ kind, message: 'no answer', retryAfterMs: 3000 });
    expect(await failureOf(bench.get('latest'))).toMatchObject({ kind, retryAfterMs: 3000 });
  });

  test('a tag is asked for again with the next pull', async () => {
    await pullOnce();
    bench.clock.advance(5 * minute);
    bench.upstream.failure = failure('upstream-failed');
    await bench.get('latest');
    bench.upstream.failure = undefined;
    bench.upstream.publish(moved, { tag: 'latest' });
    expect(await bench.get('latest')).toMatchObject({ outcome: 'miss', digest: moved.digest, warning: undefined });
  });
});

describe('an upstream that does not say what a tag is', () => {
  /** HEAD says that there is something, but not what. */
  function withoutDigestOnHead(manifest: TestManifest, digestOnGet: TestManifest['digest'] | undefined): void {
    bench.upstream.manifests.set('library/a:latest', fetched(manifest, { digest: digestOnGet }));
    bench.upstream.heads.set('library/a:latest', silentHead);
  }

  test.each([undefined, old.digest])('on HEAD is asked by GET, once', async (digestOnGet) => {
    withoutDigestOnHead(old, digestOnGet);
    expect((await bench.get('latest')).digest).toBe(old.digest);
    expect(bench.upstream.asked).toEqual(['HEAD library/a:latest', 'GET library/a:latest']);
    expect(rowDigest()).toBe(old.digest);
  });

  test('on HEAD, but had to send the bytes with it, is not asked again', async () => {
    bench.upstream.heads.set('library/a:latest', { ...silentHead, fetched: fetched(old) });
    expect((await bench.get('latest')).bytes).toEqual(old.bytes);
    expect(bench.upstream.asked).toEqual(['HEAD library/a:latest']);
    expect(rowDigest()).toBe(old.digest);
  });

  test('but names a digest that its bytes do not have is not believed, and nothing is kept', async () => {
    withoutDigestOnHead(moved, old.digest);
    expect(await failureOf(bench.get('latest'))).toMatchObject({ kind: 'content-mismatch' });
    expect(rowDigest()).toBeUndefined();
    expect(bench.content.objects.size).toBe(0);
    expect(bench.mismatches).toBe(1);
  });

  test('but lies about a tag that is known leaves the tag where it was', async () => {
    await pullOnce();
    bench.clock.advance(5 * minute);
    bench.upstream.publish(moved, { tag: 'latest' });
    bench.upstream.manifests.set(`library/a@${moved.digest}`, fetched(createImage('something else')));
    expect(await bench.get('latest')).toMatchObject({ outcome: 'stale', digest: old.digest });
    expect(rowDigest()).toBe(old.digest);
    expect([...bench.content.objects.keys()]).toEqual([old.digest]);
  });

  test('with 200 for a manifest that is none leaves nothing behind', async () => {
    const page = { ...old, mediaType: 'text/html' };
    withoutDigestOnHead(page, undefined);
    expect(await failureOf(bench.get('latest'))).toMatchObject({ kind: 'content-mismatch' });
    expect(rowDigest()).toBeUndefined();
    bench.upstream.manifests.set('library/a:latest', unknown('manifest-unknown'));
    expect(await failureOf(bench.get('latest'))).toMatchObject({ kind: 'manifest-unknown' });
  });
});

test('a tag keeps the digest in the algorithm in which upstream names it', async () => {
  const image = createImage('long', { algorithm: 'sha512' });
  bench.upstream.publish(image, { tag: 'latest' });
  expect((await bench.get('latest')).digest).toBe(image.digest);
  expect(rowDigest()).toBe(image.digest);
  bench.upstream.asked.length = 0;
  expect((await bench.get(image.digest)).outcome).toBe('hit');
  expect(bench.upstream.asked).toEqual([]);
});
