import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { computeDigest, type Digest } from '../../../../src/oci/digest.ts';
import { MirrorError } from '../../../../src/oci/errors.ts';
import { parseImageName } from '../../../../src/oci/image-name.ts';
import { mediaTypes } from '../../../../src/oci/media-type.ts';
import type { Provenance } from '../../../../src/oci/provenance.ts';
import { Progress } from '../../../../src/mirror/jobs/job.ts';
import { pullImage, type ImagePullOptions } from '../../../../src/mirror/jobs/pull-image.ts';
import { minute, MirrorBench, nothingLeft, placeOf, readAll } from '../fakes/mirror-bench.ts';
import { absent } from '../fakes/scripted-upstream.ts';
import { createImage, type TestManifest } from '../fakes/test-manifests.ts';

let bench: MirrorBench;
let progress: Progress;
/** What upstream has, and what it was asked for, in order. */
let contents: Map<Digest, Buffer>;
let opened: Digest[];
/** These are not answered before the result of `hold` is called. */
let held: Map<Digest, Promise<void>>;
let provenance: Provenance;

const digestOf = (bytes: Buffer): Digest => computeDigest('sha256', bytes);
const amd64 = { os: 'linux', architecture: 'amd64' };
const arm64 = { os: 'linux', architecture: 'arm64' };

beforeEach(() => {
  bench = new MirrorBench();
  progress = new Progress(() => {});
  contents = new Map();
  opened = [];
  held = new Map();
  provenance = 'public';
  const { blobs } = bench.upstream;
  bench.upstream.openBlob = async (repository, digest, options) => {
    opened.push(digest);
    await held.get(digest);
    const stream = blobs.openBlob(repository, digest, options);
    const content = contents.get(digest);
    if (content === undefined) blobs.last.refuse(absent('blob-unknown'));
    else blobs.last.answer(content, { provenance }).send(content).end();
    return await stream;
  };
});

afterEach(async () => {
  expect(await bench.leftovers()).toEqual(nothingLeft);
});

function hold(content: Buffer): () => void {
  const { promise, resolve } = Promise.withResolvers<void>();
  held.set(digestOf(content), promise);
  return resolve;
}

/** An image of these layers at `library/a`, and all its content. */
function publish(name: string, layers: readonly Buffer[], tag?: string): TestManifest {
  const image = createImage(name, { layers });
  bench.upstream.publish(image, tag === undefined ? {} : { tag });
  for (const content of [Buffer.from(name), ...layers]) contents.set(digestOf(content), content);
  return image;
}

function publishIndex(entries: readonly (readonly [TestManifest, object | undefined])[]): TestManifest {
  const manifests = entries.map(([{ digest, mediaType, bytes }, platform]) => ({
    digest,
    mediaType,
    size: bytes.length,
    platform,
  }));
  const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests }));
  const index = { bytes, digest: digestOf(bytes), mediaType: mediaTypes.ociIndex };
  bench.upstream.publish(index, { tag: 'latest' });
  return index;
}

async function pull(name = 'a', options: Partial<ImagePullOptions> = {}): Promise<void> {
  const parsed = parseImageName(name, [{ name: 'docker.io', aliases: [], isDefault: true }]);
  const defaults = { platforms: [amd64], isAnew: false, signal: new AbortController().signal };
  await pullImage({ mirror: bench.mirror, clock: bench.clock, name: parsed, progress, ...defaults, ...options });
}

const counts = () => ({ objects: progress.doneObjects, of: progress.totalObjects, fetched: progress.fetchedBytes });

describe('an image', () => {
  test('is content when its pull resolves, and is not fetched again', async () => {
    const image = publish('image', [Buffer.from('one'), Buffer.from('two')], 'latest');
    await pull();
    const bytes = image.bytes.length + 'image'.length + 6;
    expect(counts()).toEqual({ objects: 4, of: 4, fetched: bytes });
    expect([progress.doneBytes, progress.totalBytes]).toEqual([bytes, bytes]);
    for (const digest of [image.digest, ...contents.keys()]) expect(bench.catalog.findContent(digest)).toBeDefined();
    progress = new Progress(() => {});
    bench.upstream.asked.length = 0;
    await pull();
    expect(counts()).toEqual({ objects: 4, of: 4, fetched: 0 });
    expect([bench.upstream.asked, opened.length]).toEqual([[], 3]);
  });

  test('is pulled by its digest too', async () => {
    const { digest } = publish('image', [Buffer.from('one')]);
    await pull(`a@${digest}`);
    expect(counts()).toMatchObject({ objects: 3, of: 3 });
  });

  test('comes with three blobs at a time, and no more are begun once one has failed', async () => {
    const layers = Array.from({ length: 8 }, (_, i) => Buffer.from(`layer ${i}`));
    publish('image', layers, 'latest');
    const releases = layers.map(hold);
    contents.delete(digestOf(layers[1] as Buffer));
    const pulling = pull();
    await bench.settle();
    // The config has come.
    expect(opened).toHaveLength(4);
    releases[1]?.();
    await bench.settle();
    for (const release of releases) release();
    const digest = digestOf(layers[1] as Buffer);
    await expect(pulling).rejects.toThrow(`${digest}: the repository has no such blob`);
    expect(opened).toHaveLength(4);
  });

  test('follows an index to the wanted platform, and to what is for nobody in particular', async () => {
    const shared = Buffer.from('shared');
    const mine = publish('mine', [shared, Buffer.from('mine’s')]);
    const other = publish('other', [shared, Buffer.from('other’s')]);
    const plain = publish('plain', []);
    publishIndex([
      [mine, amd64],
      [other, arm64],
      [plain, undefined],
    ]);
    await pull();
    expect(counts()).toMatchObject({ objects: 7, of: 7 });
    expect(bench.catalog.findContent(other.digest)).toBeUndefined();
    progress = new Progress(() => {});
    await pull('a', { platforms: 'all' });
    expect(counts()).toMatchObject({ objects: 10, of: 10 });
    expect(opened.filter((digest) => digest === digestOf(shared))).toHaveLength(1);
  });

  test('that lacks a platform has come for the others when its pull says so', async () => {
    publishIndex([
      [publish('mine', []), amd64],
      [publish('other', []), arm64],
    ]);
    const wanted = [
      arm64,
      { os: 'linux', architecture: 'arm', variant: 'v7' },
      { os: 'windows', architecture: 'amd64' },
    ];
    await expect(pull('a', { platforms: wanted })).rejects.toThrow(
      'the image has nothing for linux/arm/v7, windows/amd64; it has linux/amd64, linux/arm64',
    );
    expect(counts()).toMatchObject({ objects: 3, of: 3 });
  });

  test('leaves out foreign layers that upstream does not have, and takes those that it has', async () => {
    const [kept, elsewhere] = [Buffer.from('kept'), Buffer.from('elsewhere')];
    const mediaType = 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip';
    const layers = [kept, elsewhere].map((layer) => ({ mediaType, digest: digestOf(layer), size: layer.length }));
    const body = { schemaVersion: 2, mediaType: mediaTypes.dockerManifest, layers };
    const bytes = Buffer.from(JSON.stringify(body));
    bench.upstream.publish({ bytes, digest: digestOf(bytes), mediaType: mediaTypes.dockerManifest }, { tag: 'latest' });
    contents.set(digestOf(kept), kept);
    await pull();
    expect(counts()).toMatchObject({ objects: 2, of: 2 });
    expect(progress.totalBytes).toBe(bytes.length + kept.length);
  });

  test('that another client is pulling is fetched once', async () => {
    const layer = Buffer.from('one');
    publish('image', [layer], 'latest');
    const release = hold(layer);
    const client = bench.openBlob(digestOf(layer));
    const pulling = pull();
    await bench.settle();
    release();
    expect(await readAll(await client)).toEqual(layer);
    await pulling;
    expect(opened.filter((digest) => digest === digestOf(layer))).toHaveLength(1);
    expect(counts()).toMatchObject({ objects: 3, of: 3 });
  });

  test('of restricted content that is here for another repository needs upstream’s word, and no bytes', async () => {
    const layer = Buffer.from('one');
    const image = publish('image', [layer], 'latest');
    provenance = 'restricted';
    await pull();
    bench.upstream.publish(image, { repository: 'library/b', tag: 'latest' });
    await expect(pull('b')).rejects.toThrow('the repository has no such blob');
    bench.upstream.blobHeads.set('library/b', { sizeBytes: layer.length, provenance: 'restricted' });
    await pull('b');
    expect(opened).toHaveLength(2);
    for (const digest of opened) expect(bench.catalog.hasLink(placeOf({ repository: 'library/b' }), digest)).toBe(true);
  });

  test('whose pull is cancelled ends what only that wanted', async () => {
    const [mine, shared] = [Buffer.alloc(20_000_000, 'mine'), Buffer.from('shared')];
    publish('image', [mine, shared], 'latest');
    const releases = [mine, shared].map(hold);
    const cancel = new AbortController();
    const pulling = pull('a', { signal: cancel.signal });
    pulling.catch(() => {});
    const client = bench.openBlob(digestOf(shared));
    await bench.settle();
    // The config is here: it is written although others still come.
    bench.clock.advance(1000);
    await bench.settle();
    expect(bench.mirror.stats().fills).toBe(2);
    cancel.abort();
    await expect(pulling).rejects.toThrow('aborted');
    expect(bench.mirror.stats().fills).toBe(1);
    for (const release of releases) release();
    expect(await readAll(await client)).toEqual(shared);
    expect(bench.catalog.findContent(digestOf(mine))).toBeUndefined();
  });

  test('that the store cannot keep has not been pulled', async () => {
    publish('image', [Buffer.from('one')], 'latest');
    bench.content.failing.set('put', new Error('no space left'));
    await expect(pull()).rejects.toThrow(/^the cache has no room for \d of 3 objects of the image$/);
  });

  test('whose manifest the disk refuses later than all the rest has not been pulled, and can be given up until then', async () => {
    const { digest } = publish('image', [Buffer.from('one')], 'latest');
    for (const [end, message] of [
      [(disk: PromiseWithResolvers<void>) => disk.reject(new Error('EIO')), /no room for 1 of 3 objects/],
      [(disk: PromiseWithResolvers<void>, cancel: AbortController) => (cancel.abort(), disk.resolve()), /aborted/],
    ] as const) {
      const { put } = bench.content;
      const disk = Promise.withResolvers<void>();
      bench.content.put = async (object, bytes) => {
        if (object.digest === digest) await disk.promise;
        await put.call(bench.content, object, bytes);
      };
      const cancel = new AbortController();
      const pulling = pull('a', { signal: cancel.signal });
      const failing = expect(pulling).rejects.toThrow(message);
      await bench.settle();
      end(disk, cancel);
      await failing;
      bench.content.put = put;
    }
  });

  test('that is known not to fit is not even fetched', async () => {
    const layer = Buffer.alloc(2_000_000, 'large');
    publish('image', [layer], 'latest');
    bench.content.failing.set('begin', new Error('no space left'));
    bench.upstream.blobHeads.set('library/a', { sizeBytes: layer.length, provenance: 'public' });
    await expect(pull()).rejects.toThrow(`the cache has no room for ${digestOf(layer)}`);
    expect(opened).not.toContain(digestOf(layer));
  });

  test('of indexes within indexes has an end', async () => {
    let child = publish('image', []);
    for (let depth = 0; depth < 4; depth++) child = publishIndex([[child, undefined]]);
    await expect(pull()).rejects.toThrow(/^an image of more than 1000 manifests, or of indexes in indexes/);
  });
});

describe('the tag of an image', () => {
  const throttled = (retryAfterMs: number): MirrorError =>
    new MirrorError({ kind: 'upstream-throttled', message: 'too many requests', retryAfterMs });
  const outage = new MirrorError({ kind: 'upstream-failed', message: 'no answer' });
  const first = (): TestManifest => publish('first', [], 'latest');

  test('is believed while it is fresh, unless it is to be asked for anew', async () => {
    first();
    await pull();
    bench.upstream.asked.length = 0;
    await pull();
    expect(bench.upstream.asked).toEqual([]);
    await pull('a', { isAnew: true });
    expect(bench.upstream.asked).toEqual(['HEAD library/a:latest']);
  });

  test('that never moves is not asked for again', async () => {
    bench.limits = { ...bench.limits, tagPolicies: [{ match: 'v*', ttlMs: Infinity }] };
    publish('first', [], 'v1');
    await pull('a:v1');
    bench.upstream.asked.length = 0;
    await pull('a:v1', { isAnew: true });
    expect(bench.upstream.asked).toEqual([]);
  });

  test('that has moved brings the new image', async () => {
    first();
    await pull();
    const second = publish('second', [], 'latest');
    await pull('a', { isAnew: true });
    expect(bench.catalog.findTag(placeOf(), 'latest')?.digest).toBe(second.digest);
    expect(bench.catalog.findContent(digestOf(Buffer.from('second')))).toBeDefined();
  });

  test.each([{ isAnew: true }, { isAnew: false }])(
    'that cannot be checked is no success, though all is here (%j)',
    async (options) => {
      first();
      await pull();
      bench.upstream.failure = outage;
      bench.clock.advance(6 * minute);
      await expect(pull('a', options)).rejects.toThrow(
        'what is here of it is complete, but whether the tag has moved is not known: no answer',
      );
    },
  );

  test('that upstream does not know any more is none', async () => {
    first();
    await pull();
    bench.upstream.manifests.clear();
    await expect(pull('a', { isAnew: true })).rejects.toThrow('the repository has no such manifest');
  });

  test('is asked for again where upstream says when, unless that is long', async () => {
    first();
    bench.upstream.failure = throttled(5000);
    const pulling = pull();
    await bench.settle();
    expect(bench.clock.pending).toBe(1);
    bench.upstream.failure = undefined;
    bench.clock.advance(5000);
    await pulling;
    expect(counts()).toMatchObject({ objects: 2, of: 2 });
    const message = 'the login is rejected';
    const refusal = { kind: 'upstream-paused', message, retryAfterMs: 1000, isLoginRefused: true } as const;
    bench.upstream.failure = new MirrorError(refusal);
    await expect(pull('b')).rejects.toThrow(message);
    bench.upstream.failure = throttled(61_000);
    await expect(pull('b')).rejects.toThrow('too many requests');
  });

  test('is given up when upstream puts us off again and again, or the pull is cancelled', async () => {
    bench.upstream.failure = throttled(1000);
    const pulling = pull();
    pulling.catch(() => {});
    for (let attempt = 0; attempt < 3; attempt++) {
      await bench.settle();
      bench.clock.advance(1000);
    }
    await expect(pulling).rejects.toThrow('too many requests');
    expect(bench.upstream.asked).toHaveLength(4);
    const cancel = new AbortController();
    const cancelled = pull('a', { signal: cancel.signal });
    cancelled.catch(() => {});
    await bench.settle();
    cancel.abort();
    await expect(cancelled).rejects.toThrow('aborted');
  });

  test('that nobody has seen fails with the outage', async () => {
    bench.upstream.failure = outage;
    await expect(pull()).rejects.toThrow('no answer');
    await expect(pull('a', { isAnew: true })).rejects.toThrow('no answer');
  });
});
