import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { computeDigest } from '../../../src/oci/digest.ts';
import { MirrorError } from '../../../src/oci/errors.ts';
import { mediaTypes } from '../../../src/oci/media-type.ts';
import { failureOf, MirrorBench, nothingLeft, placeOf } from './fakes/mirror-bench.ts';
import { denied, silentHead, unknown } from './fakes/scripted-upstream.ts';
import { createImage, fetched, type TestManifest } from './fakes/test-manifests.ts';

const layer = Buffer.from('a layer');
const image = createImage('image', { layers: [layer] });
const name = `library/a@${image.digest}`;

let bench: MirrorBench;

beforeEach(() => {
  bench = new MirrorBench();
  bench.upstream.publish(image);
});

afterEach(async () => {
  expect(await bench.leftovers()).toEqual(nothingLeft);
});

/** Bytes that are named by their own digest. */
function manifestOf(text: string, mediaType: string = mediaTypes.ociManifest): TestManifest {
  const bytes = Buffer.from(text);
  return { bytes, digest: computeDigest('sha256', bytes), mediaType };
}

function goOffline(): void {
  bench.upstream.failure = new MirrorError({ kind: 'upstream-failed', message: 'no answer' });
}

describe('a manifest by digest', () => {
  test('is fetched once and then served without asking anybody', async () => {
    expect(await bench.get(image.digest)).toMatchObject({ outcome: 'miss', ageMs: undefined, warning: undefined });
    goOffline();
    expect(await bench.get(image.digest)).toMatchObject({ outcome: 'hit', ageMs: undefined, warning: undefined });
    expect(bench.upstream.asked).toEqual([`GET ${name}`]);
  });

  test('is the same to the byte, and of the type that it came with, however often it is served', async () => {
    const served = [await bench.get(image.digest), await bench.get(image.digest), await bench.head(image.digest)];
    for (const { bytes, mediaType, sizeBytes, digest } of served) {
      expect(bytes).toEqual(image.bytes);
      expect({ mediaType, sizeBytes, digest }).toEqual({
        mediaType: image.mediaType,
        sizeBytes: image.bytes.length,
        digest: image.digest,
      });
    }
  });

  test.each(Object.values(mediaTypes))('of type %s keeps that type', async (mediaType) => {
    const body = mediaType.includes('index') || mediaType.includes('list') ? '"manifests":[]' : '"layers":[]';
    const manifest = manifestOf(`{"schemaVersion":2,${body}}`, mediaType);
    bench.upstream.publish(manifest, { contentType: `${mediaType}; charset=utf-8` });
    expect((await bench.get(manifest.digest)).mediaType).toBe(mediaType);
    expect((await bench.get(manifest.digest)).mediaType).toBe(mediaType);
  });

  test('is verified in the algorithm that its digest names', async () => {
    const long = createImage('long', { algorithm: 'sha512' });
    bench.upstream.publish(long);
    expect((await bench.get(long.digest)).bytes).toEqual(long.bytes);
    const other = createImage('other', { algorithm: 'sha512' });
    bench.upstream.manifests.set(`library/a@${other.digest}`, fetched(long));
    expect(await failureOf(bench.get(other.digest))).toMatchObject({ kind: 'content-mismatch' });
  });

  test('with wrong bytes is an error, is counted, and nothing of it is kept', async () => {
    const wrong = Buffer.from(image.bytes);
    wrong.write(' ', wrong.length - 1);
    bench.upstream.manifests.set(name, fetched(image, { bytes: wrong }));
    expect(await failureOf(bench.get(image.digest))).toMatchObject({ kind: 'content-mismatch' });
    expect(bench.mismatches).toBe(1);
    expect(bench.content.objects.size).toBe(0);
    expect(bench.catalog.findContent(image.digest)).toBeUndefined();
    expect(bench.catalog.hasLink(placeOf(), image.digest)).toBe(false);
    bench.upstream.publish(image);
    expect((await bench.get(image.digest)).bytes).toEqual(image.bytes);
  });

  test.each([
    ['a web page', manifestOf('<html></html>', 'text/html')],
    ['no JSON', manifestOf('<html></html>')],
    ['a list', manifestOf('[]')],
    ['an image that says it is an index', manifestOf(`{"mediaType":"${mediaTypes.ociIndex}"}`)],
    ['an image with the fields of an index', manifestOf('{"layers":[],"manifests":[]}')],
    ['an index with the fields of an image', manifestOf('{"layers":[],"manifests":[]}', mediaTypes.ociIndex)],
    ['more than 4 MiB', manifestOf(`{"layers":[]}${' '.repeat(4 * 1024 * 1024)}`)],
  ])('that has the right digest but is %s is refused and not kept', async (_what, manifest) => {
    bench.upstream.publish(manifest);
    expect(await failureOf(bench.get(manifest.digest))).toMatchObject({ kind: 'content-mismatch' });
    expect(bench.content.objects.size).toBe(0);
  });

  test('of exactly 4 MiB is served', async () => {
    const largest = manifestOf('{"layers":[]}'.padEnd(4 * 1024 * 1024));
    bench.upstream.publish(largest);
    expect((await bench.get(largest.digest)).sizeBytes).toBe(4 * 1024 * 1024);
  });

  test('is fetched once for fifty clients', async () => {
    const pulls = await Promise.all(Array.from({ length: 50 }, async () => await bench.get(image.digest)));
    for (const { bytes } of pulls) expect(bytes).toEqual(image.bytes);
    expect(bench.upstream.asked).toEqual([`GET ${name}`]);
  });

  test('leaves what it lists in the catalog, and a link for itself only', async () => {
    await bench.get(image.digest);
    const digest = computeDigest('sha256', layer);
    expect(bench.catalog.findDescriptor(placeOf(), digest)).toMatchObject({ digest, sizeBytes: layer.length });
    expect(bench.catalog.hasLink(placeOf(), image.digest)).toBe(true);
    expect(bench.catalog.hasLink(placeOf(), digest)).toBe(false);
  });

  test('counts as used each time it is served from the store', async () => {
    await bench.get(image.digest);
    expect(bench.catalog.touched).toEqual([]);
    await bench.get(image.digest);
    await bench.head(image.digest);
    expect(bench.catalog.touched).toEqual([image.digest, image.digest]);
  });

  test('that upstream lacks and one that it denies are the same to the client', async () => {
    bench.upstream.manifests.set(name, unknown('manifest-unknown'));
    const absent = await failureOf(bench.get(image.digest));
    expect(absent).toMatchObject({ kind: 'manifest-unknown' });
    expect(await failureOf(bench.head(image.digest))).toEqual(absent);
    bench.upstream.manifests.set(name, denied());
    expect(await failureOf(bench.get(image.digest))).toEqual(absent);
    expect(await failureOf(bench.head(image.digest))).toEqual(absent);
  });

  test('that cannot be asked for is the failure that it is', async () => {
    goOffline();
    expect(await failureOf(bench.get(image.digest))).toMatchObject({ kind: 'upstream-failed' });
    expect(await failureOf(bench.head(image.digest))).toMatchObject({ kind: 'upstream-failed' });
  });
});

describe('what is stored under the digest', () => {
  test.each([
    ['a byte has changed', () => void bench.content.objects.get(image.digest)?.bytes.write('x', 9)],
    ['the file is gone', () => bench.content.objects.clear()],
    ['the file is too short', () => shorten()],
  ])('is a miss when %s, and is fetched again', async (_what, damage) => {
    await bench.get(image.digest);
    damage();
    expect(await bench.get(image.digest)).toMatchObject({ outcome: 'miss', bytes: image.bytes });
    expect(await bench.get(image.digest)).toMatchObject({ outcome: 'hit', bytes: image.bytes });
  });

  test('takes no room any more once it is found damaged', async () => {
    await bench.get(image.digest);
    bench.content.objects.get(image.digest)?.bytes.write('x', 9);
    goOffline();
    expect(await failureOf(bench.get(image.digest))).toMatchObject({ kind: 'upstream-failed' });
    expect(bench.content.objects.size).toBe(0);
    expect(bench.catalog.findContent(image.digest)).toBeUndefined();
  });

  test('is not served as a manifest when it came as a layer', async () => {
    const object = { digest: image.digest, sizeBytes: image.bytes.length, provenance: 'public' } as const;
    await bench.content.put(object, image.bytes);
    await bench.catalog.addContent(object, { mediaType: undefined });
    bench.upstream.manifests.clear();
    expect(await failureOf(bench.get(image.digest))).toMatchObject({ kind: 'manifest-unknown' });
    expect(await failureOf(bench.head(image.digest))).toMatchObject({ kind: 'manifest-unknown' });
    bench.upstream.publish(image);
    expect((await bench.get(image.digest)).mediaType).toBe(image.mediaType);
    expect((await bench.get(image.digest)).outcome).toBe('hit');
  });

  function shorten(): void {
    const stored = bench.content.objects.get(image.digest);
    if (stored !== undefined) stored.bytes = stored.bytes.subarray(1);
  }
});

describe('a store that fails', () => {
  test('to take a manifest does not fail the pull; the next one fetches again', async () => {
    bench.content.failing.set('put', new Error('ENOSPC'));
    expect((await bench.get(image.digest)).bytes).toEqual(image.bytes);
    expect(bench.storeErrors).toEqual(['put']);
    expect(bench.health.degraded).toMatchObject([{ part: 'store' }]);
    expect(bench.catalog.findContent(image.digest)).toBeUndefined();
    bench.content.failing.clear();
    expect(await bench.get(image.digest)).toMatchObject({ outcome: 'miss', bytes: image.bytes });
  });

  test.each(['open', 'read'] as const)('to %s a manifest does not fail the pull', async (operation) => {
    await bench.get(image.digest);
    bench.content.failing.set(operation, new Error('EIO'));
    expect(await bench.get(image.digest)).toMatchObject({ outcome: 'miss', bytes: image.bytes });
    expect(bench.health.degraded).toMatchObject([{ part: 'store' }]);
    // What cannot be read now may be well.
    expect(bench.content.removed).toEqual([]);
  });

  test('to remove a damaged manifest does not fail the pull', async () => {
    await bench.get(image.digest);
    bench.content.objects.get(image.digest)?.bytes.write('x', 9);
    bench.content.failing.set('remove', new Error('EROFS')).set('put', new Error('EROFS'));
    expect(await bench.get(image.digest)).toMatchObject({ outcome: 'miss', bytes: image.bytes });
  });
});

describe('a disk that takes its time', () => {
  let disk: PromiseWithResolvers<void>;

  beforeEach(() => {
    disk = Promise.withResolvers();
    const put = bench.content.put.bind(bench.content);
    bench.content.put = async (object, bytes) => {
      await disk.promise;
      await put(object, bytes);
    };
  });

  test('holds up no pull: the manifest is a hit, and its layers are known, before it is on file', async () => {
    expect(await bench.get(image.digest)).toMatchObject({ outcome: 'miss', bytes: image.bytes });
    goOffline();
    expect(await bench.get(image.digest)).toMatchObject({ outcome: 'hit', bytes: image.bytes });
    expect(await bench.head(image.digest)).toMatchObject({ outcome: 'hit', sizeBytes: image.bytes.length });
    const layerDigest = computeDigest('sha256', layer);
    expect(bench.catalog.findDescriptor(placeOf(), layerDigest)).toMatchObject({ sizeBytes: layer.length });
    expect(bench.content.objects.size).toBe(0);
    disk.resolve();
    await bench.settle();
    expect(bench.content.objects.get(image.digest)?.bytes).toEqual(image.bytes);
  });

  test('holds up no tag either', async () => {
    bench.upstream.publish(image, { tag: 'latest' });
    expect((await bench.get('latest')).outcome).toBe('miss');
    goOffline();
    expect(await bench.get('latest')).toMatchObject({ outcome: 'hit', digest: image.digest });
    disk.resolve();
  });

  test('is asked once for a manifest that was fetched twice: through two repositories at a time', async () => {
    const repositories = ['team/a', 'team/b'];
    for (const repository of repositories) bench.upstream.publish(image, { repository });
    const puts: string[] = [];
    const { put } = bench.content;
    bench.content.put = async (object, bytes) => {
      puts.push(object.digest);
      await put(object, bytes);
    };
    const pulls = repositories.map(async (repository) => await bench.get(image.digest, { repository }));
    for (const pulled of await Promise.all(pulls))
      expect(pulled).toMatchObject({ outcome: 'miss', bytes: image.bytes });
    for (const repository of repositories) {
      expect(bench.catalog.hasLink(placeOf({ repository }), image.digest)).toBe(true);
    }
    expect(puts).toEqual([image.digest]);
    disk.resolve();
    await bench.settle();
    expect(bench.content.objects.get(image.digest)?.bytes).toEqual(image.bytes);
    expect(bench.catalog.findContent(image.digest)).toBeDefined();
  });

  test('leaves what took a login restricted until it is on file, however it is asked for', async () => {
    const elsewhere = { repository: 'public/b' };
    bench.upstream.publish(image, { provenance: 'restricted' });
    await bench.get(image.digest);
    bench.upstream.heads.set(`public/b@${image.digest}`, { ...silentHead, provenance: 'public' });
    expect(await bench.get(image.digest, elsewhere)).toMatchObject({ outcome: 'hit', bytes: image.bytes });
    expect(bench.catalog.findContent(image.digest)?.provenance).toBe('restricted');
    disk.resolve();
    await bench.settle();
    expect(bench.content.objects.get(image.digest)?.object.provenance).toBe('restricted');
    expect(await bench.get(image.digest, { repository: 'third/c' }).catch(() => undefined)).toBeUndefined();
    bench.upstream.heads.set(`third/c@${image.digest}`, { ...silentHead, provenance: 'public' });
    await bench.get(image.digest, { repository: 'third/c' });
    expect(bench.catalog.findContent(image.digest)?.provenance).toBe('public');
    expect(bench.content.objects.get(image.digest)?.object.provenance).toBe('public');
  });

  test('and refuses in the end leaves nothing behind: upstream is asked again', async () => {
    await bench.get(image.digest);
    disk.reject(new Error('EROFS'));
    await bench.settle();
    expect(bench.storeErrors).toEqual(['put']);
    expect(bench.catalog.findContent(image.digest)).toBeUndefined();
    expect(bench.catalog.hasLink(placeOf(), image.digest)).toBe(false);
    expect(await bench.get(image.digest)).toMatchObject({ outcome: 'miss', bytes: image.bytes });
  });

  test('is waited for where more would wait for it than memory may hold', async () => {
    const large = (mark: string) =>
      manifestOf(JSON.stringify({ schemaVersion: 2, layers: [], mark: mark.repeat(4e6) }));
    const many = Array.from({ length: 9 }, (_, i) => large(String(i)));
    for (const one of many) bench.upstream.publish(one);
    let answered = 0;
    const pulls = many.map(async ({ digest }) => {
      await bench.get(digest);
      answered += 1;
    });
    await bench.settle();
    // The ninth one is more than 32 MiB.
    expect(answered).toBe(8);
    disk.resolve();
    await Promise.all(pulls);
  });
});

describe('a HEAD by digest', () => {
  test('of a manifest that is not here asks HEAD only and keeps nothing', async () => {
    expect(await bench.head(image.digest)).toMatchObject({
      outcome: 'miss',
      digest: image.digest,
      mediaType: image.mediaType,
      sizeBytes: image.bytes.length,
      bytes: undefined,
      provenance: 'public',
    });
    expect(bench.upstream.asked).toEqual([`HEAD ${name}`]);
    expect(bench.content.objects.size).toBe(0);
    expect(bench.catalog.hasLink(placeOf(), image.digest)).toBe(false);
  });

  test.each([
    ['size', { mediaType: image.mediaType, sizeBytes: undefined }],
    ['type', { mediaType: undefined, sizeBytes: 10 }],
    ['type of a manifest', { mediaType: 'application/octet-stream', sizeBytes: 10 }],
  ])('to which upstream gives no %s is answered from the bytes', async (_what, facts) => {
    bench.upstream.heads.set(name, { ...silentHead, ...facts, digest: image.digest });
    expect(await bench.head(image.digest)).toMatchObject({
      mediaType: image.mediaType,
      sizeBytes: image.bytes.length,
      bytes: image.bytes,
    });
    goOffline();
    expect((await bench.get(image.digest)).outcome).toBe('hit');
  });
});

describe('a manifest that took a login', () => {
  test('is restricted, and has a link to the repository that it came through', async () => {
    bench.upstream.publish(image, { provenance: 'restricted' });
    expect((await bench.get(image.digest)).provenance).toBe('restricted');
    expect(bench.content.objects.get(image.digest)?.object.provenance).toBe('restricted');
    goOffline();
    expect(await bench.get(image.digest)).toMatchObject({ outcome: 'hit', provenance: 'restricted' });
  });

  test('becomes public when it comes again without one, and lies in one place only', async () => {
    const object = { digest: image.digest, sizeBytes: image.bytes.length, provenance: 'restricted' } as const;
    await bench.content.put(object, image.bytes);
    await bench.catalog.addContent(object, { mediaType: undefined });
    expect((await bench.get(image.digest)).provenance).toBe('public');
    expect(bench.catalog.findContent(image.digest)?.provenance).toBe('public');
    expect(bench.content.objects.get(image.digest)?.object.provenance).toBe('public');
    expect(bench.content.removed).toMatchObject([object]);
  });

  test('stays public when it is here as public already', async () => {
    await bench.get(image.digest);
    bench.upstream.publish(image, { repository: 'private/b', tag: 'latest', provenance: 'restricted' });
    bench.upstream.heads.set('private/b:latest', { ...silentHead, provenance: 'restricted' });
    expect((await bench.get('latest', { repository: 'private/b' })).provenance).toBe('public');
    expect(bench.catalog.findContent(image.digest)?.provenance).toBe('public');
  });
});
