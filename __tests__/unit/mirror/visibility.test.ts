import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { computeDigest } from '../../../src/oci/digest.ts';
import { MirrorError, type MirrorErrorKind } from '../../../src/oci/errors.ts';
import type { Provenance } from '../../../src/oci/provenance.ts';
import { failureOf, MirrorBench, nothingLeft, placeOf, readAll } from './fakes/mirror-bench.ts';
import { denied, unknown } from './fakes/scripted-upstream.ts';
import { createImage } from './fakes/test-manifests.ts';

const layer = Buffer.from('a private layer');
const digest = computeDigest('sha256', layer);
const image = createImage('image', { layers: [layer] });
const here = { repository: 'private/a' };
const elsewhere = { repository: 'public/b' };

let bench: MirrorBench;

beforeEach(async () => {
  bench = new MirrorBench();
  await keepLayer('restricted');
  await bench.catalog.addLink(placeOf(here), digest);
});

afterEach(async () => {
  expect(await bench.leftovers()).toEqual(nothingLeft);
});

/** The layer is in the store, without a link. */
async function keepLayer(provenance: Provenance): Promise<void> {
  const object = { digest, sizeBytes: layer.length, provenance };
  await bench.content.put(object, layer);
  await bench.catalog.addContent(object, { mediaType: undefined });
}

function upstreamShowsIt(provenance: Provenance): void {
  bench.upstream.blobHeads.set('public/b', { sizeBytes: layer.length, provenance });
}

describe('restricted content', () => {
  test('leaves through the repository that it has a link to, without asking anybody', async () => {
    bench.upstream.failure = new MirrorError({ kind: 'upstream-failed', message: 'no answer' });
    const served = await bench.openBlob(digest, here);
    expect(served).toMatchObject({ outcome: 'hit', provenance: 'restricted' });
    expect(await readAll(served)).toEqual(layer);
    expect(bench.upstream.asked).toEqual([]);
  });

  test("leaves through another repository once upstream's own 200 has been heard for it", async () => {
    upstreamShowsIt('restricted');
    expect(await readAll(await bench.openBlob(digest, elsewhere))).toEqual(layer);
    expect(bench.upstream.asked).toEqual(['HEAD blob public/b']);
    bench.upstream.failure = new MirrorError({ kind: 'upstream-failed', message: 'no answer' });
    expect(await readAll(await bench.openBlob(digest, elsewhere))).toEqual(layer);
    expect(await bench.headBlob(digest, elsewhere)).toMatchObject({ outcome: 'hit', provenance: 'restricted' });
  });

  test('that is denied there looks, in every respect, like content that does not exist', async () => {
    const nowhere = computeDigest('sha256', Buffer.from('nobody has this'));
    const absent = await failureOf(bench.headBlob(nowhere, elsewhere));
    expect(absent).toMatchObject({ kind: 'blob-unknown' });
    expect(await failureOf(bench.headBlob(digest, elsewhere))).toEqual(absent);
    expect(await failureOf(bench.openBlob(digest, elsewhere))).toEqual(absent);
    bench.upstream.blobHeads.set('public/b', denied());
    expect(await failureOf(bench.headBlob(digest, elsewhere))).toEqual(absent);
    expect(await failureOf(bench.openBlob(digest, elsewhere))).toEqual(absent);
    expect(bench.catalog.hasLink(placeOf(elsewhere), digest)).toBe(false);
  });

  test('does not leave through the same repository of another upstream', async () => {
    const place = { ...here, upstream: 'other.example' };
    expect(await failureOf(bench.openBlob(digest, place))).toMatchObject({ kind: 'blob-unknown' });
    expect(bench.other.asked).toEqual(['HEAD blob private/a']);
    expect(bench.upstream.asked).toEqual([]);
  });

  test.each<[MirrorErrorKind, number | undefined, number]>([
    ['upstream-failed', undefined, 5000],
    ['upstream-timeout', undefined, 5000],
    ['upstream-throttled', 30_000, 30_000],
    ['upstream-paused', 800, 800],
  ])('cannot be had while asking ends in %s; the client is told when to come again', async (kind, after, expected) => {
    const wait = after === undefined ? {} : { retryAfterMs: after };
    bench.upstream.failure = new MirrorError({ kind, message: 'no answer', ...wait });
    const failure = { kind: 'upstream-paused', retryAfterMs: expected };
    expect(await failureOf(bench.openBlob(digest, elsewhere))).toMatchObject(failure);
    expect(await failureOf(bench.headBlob(digest, elsewhere))).toMatchObject(failure);
    expect(bench.catalog.hasLink(placeOf(elsewhere), digest)).toBe(false);
  });

  test('is asked about once however many wait for the answer', async () => {
    upstreamShowsIt('restricted');
    const release = bench.upstream.hold('HEAD blob');
    const heads = Array.from({ length: 50 }, async () => await bench.headBlob(digest, elsewhere));
    await bench.settle();
    expect(bench.upstream.asked).toEqual(['HEAD blob public/b']);
    release();
    for (const head of await Promise.all(heads)) expect(head.outcome).toBe('hit');
  });

  test('is asked about again after a no', async () => {
    await failureOf(bench.headBlob(digest, elsewhere));
    upstreamShowsIt('restricted');
    expect((await bench.headBlob(digest, elsewhere)).outcome).toBe('hit');
  });

  test('gets no link from a manifest that lists it', async () => {
    bench.upstream.publish(image, { repository: 'public/b', tag: 'latest' });
    await bench.get('latest', elsewhere);
    expect(bench.catalog.findDescriptor(placeOf(elsewhere), digest)?.sizeBytes).toBe(layer.length);
    expect(await failureOf(bench.openBlob(digest, elsewhere))).toMatchObject({ kind: 'blob-unknown' });
    expect(bench.upstream.asked.at(-1)).toBe('HEAD blob public/b');
  });

  test('becomes public when somebody without a login may have it', async () => {
    upstreamShowsIt('public');
    expect(await readAll(await bench.openBlob(digest, elsewhere))).toEqual(layer);
    expect(bench.catalog.findContent(digest)?.provenance).toBe('public');
    expect(bench.content.objects.get(digest)?.object.provenance).toBe('public');
    bench.upstream.asked.length = 0;
    const third = await bench.openBlob(digest, { repository: 'third/c', upstream: 'other.example' });
    expect(third.provenance).toBe('public');
    expect(await readAll(third)).toEqual(layer);
    expect([...bench.upstream.asked, ...bench.other.asked]).toEqual([]);
  });

  test('that cannot be moved stays restricted, and is served all the same', async () => {
    upstreamShowsIt('public');
    bench.content.failing.set('promote', new Error('EROFS'));
    expect(await readAll(await bench.openBlob(digest, elsewhere))).toEqual(layer);
    expect(bench.catalog.findContent(digest)?.provenance).toBe('restricted');
    expect(await failureOf(bench.headBlob(digest, { repository: 'third/c' }))).toMatchObject({ kind: 'blob-unknown' });
  });
});

describe('a restricted manifest', () => {
  beforeEach(async () => {
    bench.upstream.publish(image, { ...here, tag: 'latest', provenance: 'restricted' });
    await bench.get('latest', here);
    bench.upstream.asked.length = 0;
  });

  test('is asked about as a manifest, and denied as if it did not exist', async () => {
    const nowhere = createImage('nobody has this');
    const absent = await failureOf(bench.get(nowhere.digest, elsewhere));
    bench.upstream.asked.length = 0;
    expect(await failureOf(bench.get(image.digest, elsewhere))).toEqual(absent);
    expect(bench.upstream.asked).toEqual([`HEAD public/b@${image.digest}`]);
    bench.upstream.manifests.set(`public/b@${image.digest}`, denied());
    expect(await failureOf(bench.get(image.digest, elsewhere))).toEqual(absent);
    expect(await failureOf(bench.head(image.digest, elsewhere))).toEqual(absent);
  });

  test('is not shown by a tag that was kept before upstream began to deny it', async () => {
    bench.upstream.manifests.set('private/a:latest', denied());
    bench.clock.advance(bench.limits.tagTtlMs);
    expect(await failureOf(bench.get('latest', here))).toMatchObject({ kind: 'upstream-denied' });
  });

  test('cannot be had through another repository while upstream is away', async () => {
    bench.upstream.failure = new MirrorError({ kind: 'upstream-failed', message: 'no answer' });
    expect(await failureOf(bench.get(image.digest, elsewhere))).toMatchObject({
      kind: 'upstream-paused',
      retryAfterMs: 5000,
    });
    expect((await bench.get(image.digest, here)).bytes).toEqual(image.bytes);
  });

  test('becomes public, for everybody, when somebody without a login may have it', async () => {
    bench.upstream.publish(image, elsewhere);
    expect((await bench.get(image.digest, elsewhere)).bytes).toEqual(image.bytes);
    bench.upstream.manifests.set(`third/c@${image.digest}`, unknown('manifest-unknown'));
    expect(await bench.get(image.digest, { repository: 'third/c' })).toMatchObject({
      outcome: 'hit',
      provenance: 'public',
    });
    expect(bench.upstream.asked).toEqual([`HEAD public/b@${image.digest}`]);
  });
});

test('public content leaves through every repository of every upstream', async () => {
  await keepLayer('public');
  bench.upstream.failure = new MirrorError({ kind: 'upstream-failed', message: 'no answer' });
  bench.other.failure = bench.upstream.failure;
  for (const place of [here, elsewhere, { repository: 'third/c', upstream: 'other.example' }]) {
    expect(await readAll(await bench.openBlob(digest, place))).toEqual(layer);
  }
});
