// Story: an operator looks at what is cached, keeps some of it and takes some away; everybody else pulls on.
import { describe, expect, test } from '@jest/globals';
import type { ImageDetails, ImageSummary, Page, PinState, PurgeResult } from '../../src/admin/api-types.ts';
import { listCacheFiles } from '../support/cache-files.ts';
import { createSeededContent } from '../support/content.ts';
import { expectWhole } from '../support/expectations.ts';
import { mainName, setStage } from '../support/flow.ts';
import { createGate } from '../support/gate.ts';
import { readMetric } from '../support/metrics.ts';
import type { MirrorProcess } from '../support/mirror-process.ts';
import { pull, startPull } from '../support/raw-client.ts';
import { ociIndexType, type AddedImage } from '../support/registry-content.ts';
import { blobGets } from '../support/scripted-upstream.ts';
import { pollUntil } from '../support/signal.ts';
import { expectFailure } from '../support/warm.ts';

const stage = setStage();
const base = createSeededContent('images base', 100_000);
const first = `${mainName}/team/app:v1`;
const second = `${mainName}/team/second:v1`;

async function setUp(config: Readonly<Record<string, unknown>> = {}) {
  const upstream = await stage.upstream();
  const app = upstream.registry.addImage('team/app', 'v1', [base, 'a layer of app']);
  const other = upstream.registry.addImage('team/second', 'v1', [base, 'a layer of second']);
  const mirror = await stage.mirror([{ upstream, name: mainName, tagTtl: '1ms' }], config);
  await pullImage(mirror, 'team/app', 'v1', app);
  await pullImage(mirror, 'team/second', 'v1', other);
  return { upstream, mirror, app, other };
}

async function pullImage({ address, adminAddress }: MirrorProcess, repository: string, tag: string, image: AddedImage) {
  expect((await pull(address, `/v2/${repository}/manifests/${tag}`)).digest).toBe(image.digest);
  for (const blob of [image.config, ...image.layers]) {
    expectWhole(await pull(address, `/v2/${repository}/blobs/${blob.digest}`), blob);
  }
  await pollUntil(async () => (await readMetric(adminAddress, 'stowage_fills_running')) === 0);
}

async function ask<Answer>(mirror: MirrorProcess, path: string, body?: unknown): Promise<{ status: number } & Answer> {
  // No connection is kept: the oracle counts them.
  const headers = { connection: 'close', 'content-type': 'application/json' };
  const change = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) };
  const response = await fetch(`${mirror.adminAddress}/api/v1${path}`, { headers, ...change });
  return { status: response.status, ...((await response.json()) as Answer) };
}

const listImages = async (mirror: MirrorProcess, query = '') =>
  await ask<Page<ImageSummary>>(mirror, `/images${query}`);
const describeImage = async (mirror: MirrorProcess, reference: string) =>
  await ask<ImageDetails>(mirror, `/image?reference=${encodeURIComponent(reference)}`);
const purge = async (mirror: MirrorProcess, ...references: readonly string[]) =>
  await ask<PurgeResult & { error?: string }>(mirror, '/purge', { references });

async function isOnDisk({ cachePath }: MirrorProcess, { digest }: { readonly digest: string }): Promise<boolean> {
  return (await listCacheFiles(cachePath)).some((file) => file.includes(digest.slice(7)));
}

const sizeOf = ({ config, layers }: AddedImage): number =>
  [config, ...layers].reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);

describe('what is in the cache', () => {
  test('is listed, searched and looked into', async () => {
    const { mirror, app, other } = await setUp({ cache: { pins: ['team/second:*'] } });
    await ask(mirror, '/pin', { references: [app.digest] });
    expect(await ask(mirror, '/repositories')).toMatchObject({
      status: 200,
      items: [
        { upstream: mainName, repository: 'team/app', tags: 1 },
        { upstream: mainName, repository: 'team/second', tags: 1 },
      ],
      next: null,
    });
    const page = await listImages(mirror, '?limit=1');
    expect(page.items).toHaveLength(1);
    expect(page.items[0]).toMatchObject({
      reference: first,
      digest: app.digest,
      sizeBytes: sizeOf(app),
      cachedBytes: sizeOf(app),
      isPinned: true,
      visibility: 'public',
    });
    const rest = await listImages(mirror, `?limit=1&cursor=${page.next}`);
    expect(rest).toMatchObject({ items: [{ reference: second, isPinned: true }], next: null });
    for (const [search, found] of [
      ['SECOND:v', [second]],
      ['%', []],
      ['_', []],
      [`' OR ''='`, []],
      ['"><script>', []],
    ] as const) {
      const { items } = await listImages(mirror, `?search=${encodeURIComponent(search)}&sort=size`);
      expect(items.map(({ reference }) => reference)).toEqual(found);
    }
    const image = await describeImage(mirror, 'team/app:v1');
    expect(image).toMatchObject({ status: 200, reference: first, digest: app.digest, tag: 'v1' });
    expect(image.pins).toEqual([{ pin: app.digest, source: 'operator' }]);
    expect(image.links).toEqual({ repositories: [{ upstream: mainName, repository: 'team/app' }], count: 1 });
    const blob = { isHere: true, sharedWith: [], sharedCount: 0 };
    expect(image.manifests).toMatchObject([
      {
        digest: app.digest,
        platform: 'linux/amd64',
        isHere: true,
        blobs: [
          { ...blob, digest: app.config.digest },
          { ...blob, digest: base.digest, sharedWith: [second], sharedCount: 1 },
          { ...blob, digest: app.layers[1]?.digest },
        ],
      },
    ]);
    const byDigest = await describeImage(mirror, `team/second@${other.digest}`);
    expect(byDigest).toMatchObject({
      reference: `${mainName}/team/second@${other.digest}`,
      tag: null,
      checkedAt: null,
    });
    expect(byDigest.pins).toEqual([{ pin: `${mainName}/team/second:*`, source: 'configuration' }]);
    expect(await describeImage(mirror, `team/app@${other.digest}`)).toMatchObject({ status: 404 });
  });

  test('of an index is what has been pulled of it', async () => {
    const { upstream, mirror, app } = await setUp();
    const platforms = ['amd64', 'arm64'].map((architecture) => ({ os: 'linux', architecture }));
    const images = [app, upstream.registry.addImage('team/app', undefined, ['a layer for arm'])];
    const manifests = images.map(({ digest, mediaType, bytes }, n) => {
      return { digest, mediaType, size: bytes.length, platform: platforms[n] };
    });
    const index = upstream.registry.addManifest(
      'team/app',
      { schemaVersion: 2, mediaType: ociIndexType, manifests },
      { tag: 'multi', mediaType: ociIndexType },
    );
    expect((await pull(mirror.address, '/v2/team/app/manifests/multi')).digest).toBe(index.digest);
    expect(await describeImage(mirror, 'team/app:multi')).toMatchObject({
      digest: index.digest,
      sizeBytes: sizeOf(app),
      cachedBytes: sizeOf(app),
      manifests: [
        { digest: app.digest, platform: 'linux/amd64', isHere: true, cachedBytes: sizeOf(app) },
        {
          digest: images[1]?.digest,
          platform: 'linux/arm64',
          isHere: false,
          sizeBytes: null,
          cachedBytes: 0,
          blobs: [],
        },
      ],
    });
    // The index needs the image that goes, so only the tag does.
    expect(await purge(mirror, 'team/app:v1')).toMatchObject({ items: [{ removedObjects: 0, keptObjects: 4 }] });
    const items = [{ reference: `${mainName}/team/app:multi`, removedObjects: 4, keptObjects: 1 }];
    expect(await purge(mirror, 'team/app:multi')).toMatchObject({ items });
  });
});

describe('an image that is purged', () => {
  test('is gone, and what others share with it is not', async () => {
    const { upstream, mirror, app, other } = await setUp();
    // Both are in memory.
    for (let n = 0; n < 2; n += 1) expect((await pull(mirror.address, '/v2/team/app/manifests/v1')).status).toBe(200);
    const own = app.layers[1] ?? app.config;
    const freedBytes = sizeOf(app) - base.sizeBytes + app.bytes.length;
    expect(await purge(mirror, 'team/app:v1')).toEqual({
      status: 200,
      items: [{ reference: first, removedObjects: 3, freedBytes, keptObjects: 1 }],
    });
    await upstream.down();
    for (const gone of [app, app.config, own]) expect(await isOnDisk(mirror, gone)).toBe(false);
    expectFailure(await pull(mirror.address, '/v2/team/app/manifests/v1'));
    expectFailure(await pull(mirror.address, `/v2/team/app/manifests/${app.digest}`));
    expectFailure(await pull(mirror.address, `/v2/team/app/blobs/${own.digest}`));
    await pullImage(mirror, 'team/second', 'v1', other);
    expect((await listImages(mirror)).items.map(({ reference }) => reference)).toEqual([second]);
    expect(await describeImage(mirror, 'team/app:v1')).toMatchObject({ status: 404 });
  });

  test('comes back with the next pull, and purged with the others takes the shared layers along', async () => {
    const { mirror, app } = await setUp();
    await purge(mirror, 'team/app:v1');
    await pullImage(mirror, 'team/app', 'v1', app);
    const { items } = await purge(mirror, 'team/app:v1', `team/second:v1`);
    expect(items).toMatchObject([
      { removedObjects: 3, keptObjects: 1 },
      { removedObjects: 4, keptObjects: 0 },
    ]);
    expect(await listCacheFiles(mirror.cachePath, ['blobs'])).toEqual([]);
  });

  test('by its digest takes its tags along', async () => {
    const { upstream, mirror, app } = await setUp();
    upstream.registry.setTag('team/app', 'latest', app.digest);
    await pullImage(mirror, 'team/app', 'latest', app);
    // A tag of two goes by itself.
    expect(await purge(mirror, 'team/app:v1')).toMatchObject({ items: [{ removedObjects: 0, keptObjects: 4 }] });
    expect(await purge(mirror, `team/app@${app.digest}`)).toMatchObject({ items: [{ removedObjects: 3 }] });
    await upstream.down();
    expectFailure(await pull(mirror.address, '/v2/team/app/manifests/latest'));
  });

  test('reaches whoever reads it to the last byte', async () => {
    const large = createSeededContent('images large', 20_000_000);
    const upstream = await stage.upstream();
    const app = upstream.registry.addImage('team/app', 'v1', [large]);
    const mirror = await stage.mirror([{ upstream, name: mainName }]);
    await pullImage(mirror, 'team/app', 'v1', app);
    const reading = startPull(mirror.address, `/v2/team/app/blobs/${large.digest}`);
    await reading.untilReceived(1000);
    reading.pause();
    expect(await purge(mirror, 'team/app:v1')).toMatchObject({ items: [{ removedObjects: 3 }] });
    expect(await isOnDisk(mirror, large)).toBe(false);
    reading.resume();
    expectWhole(await reading.done, large);
  });

  test('while its tag is being checked is fetched anew for who waits', async () => {
    const { upstream, mirror, app } = await setUp();
    const gate = createGate();
    upstream.once({ method: 'HEAD', path: '/manifests/v1' }, { hold: gate });
    const pulling = startPull(mirror.address, '/v2/team/app/manifests/v1');
    await gate.reached;
    expect(await purge(mirror, 'team/app:v1')).toMatchObject({ items: [{ removedObjects: 3, keptObjects: 1 }] });
    gate.open();
    expect(await pulling.done).toMatchObject({ status: 200, digest: app.digest });
    expect((await listImages(mirror)).items.map(({ reference }) => reference)).toEqual([first, second]);
    await upstream.down();
    expect(await pull(mirror.address, '/v2/team/app/manifests/v1')).toMatchObject({ status: 200, digest: app.digest });
  });

  test('while a layer of it is being fetched does not cut the fill', async () => {
    const upstream = await stage.upstream();
    const large = createSeededContent('images slow', 2_000_000);
    const app = upstream.registry.addImage('team/app', 'v1', [large]);
    const mirror = await stage.mirror([{ upstream, name: mainName }]);
    expect((await pull(mirror.address, '/v2/team/app/manifests/v1')).status).toBe(200);
    const gate = createGate();
    upstream.once({ ...blobGets, path: large.digest }, { holdBody: { after: 500_000, gate } });
    const pulling = startPull(mirror.address, `/v2/team/app/blobs/${large.digest}`);
    await pulling.untilReceived(1000);
    expect(await purge(mirror, 'team/app:v1')).toMatchObject({ items: [{ removedObjects: 1, keptObjects: 0 }] });
    gate.open();
    expectWhole(await pulling.done, large);
    expect((await pull(mirror.address, '/v2/team/app/manifests/v1')).digest).toBe(app.digest);
  });

  test('by many at once goes once, and others stay', async () => {
    const { mirror, other } = await setUp();
    const answers = await Promise.all(Array.from({ length: 10 }, () => purge(mirror, 'team/app:v1')));
    // Who comes too late is told that there is no such image, or takes nothing along.
    for (const { status } of answers) expect([200, 404]).toContain(status);
    const removed = answers.filter(({ status }) => status === 200).flatMap(({ items }) => items);
    expect(removed.reduce((sum, { removedObjects }) => sum + removedObjects, 0)).toBe(3);
    expect((await purge(mirror, 'team/app:v1')).status).toBe(404);
    await pullImage(mirror, 'team/second', 'v1', other);
    expect((await listImages(mirror)).items.map(({ reference }) => reference)).toEqual([second]);
  });

  test('is none when one of the names is unknown or wrong', async () => {
    const { mirror } = await setUp();
    const before = await listCacheFiles(mirror.cachePath);
    for (const [status, wrong, named] of [
      [404, 'team/absent:v1', `${mainName}/team/absent:v1`],
      [404, `team/app@sha256:${'0'.repeat(64)}`, 'sha256:000'],
      [400, 'no such//image::', 'no such//image::'],
      [400, 'team/*:v1', 'team/*:v1'],
      [400, '*', '*'],
    ] as const) {
      const answer = await purge(mirror, 'team/app:v1', wrong);
      expect(answer.status).toBe(status);
      expect(answer.error).toContain(named);
      if (status === 400) expect(answer).toMatchObject({ field: 'references[1]' });
    }
    expect(await listCacheFiles(mirror.cachePath)).toEqual(before);
    expect((await listImages(mirror)).items).toHaveLength(2);
  });
});

describe('a pin', () => {
  const listPins = async (mirror: MirrorProcess) => (await ask<Page<PinState>>(mirror, '/pins')).items;

  test('of an operator survives a restart and keeps what it names when space is needed', async () => {
    const upstream = await stage.upstream();
    const contents = ['a', 'b', 'c', 'd'].map((name) => createSeededContent(`images pin ${name}`, 4_000_000));
    const images = contents.map((content, n) => upstream.registry.addImage(`team/${n}`, 'v1', [content]));
    const [kept, ...others] = images;
    if (kept === undefined) throw new Error('there are images');
    const mirror = await stage.mirror([{ upstream, name: mainName }], { cache: { maxSize: '10MB' } });
    await pullImage(mirror, 'team/0', 'v1', kept);
    expect(await ask(mirror, '/pin', { references: ['team/0:v1'] })).toEqual({
      status: 200,
      items: [{ pin: `${mainName}/team/0:v1`, source: 'operator' }],
      next: null,
    });
    await mirror.terminate();
    await mirror.start();
    for (const [n, image] of others.entries()) await pullImage(mirror, `team/${n + 1}`, 'v1', image);
    const isEvicted = async () => !(await isOnDisk(mirror, contents[1] ?? kept));
    await pollUntil(isEvicted, { what: 'the oldest to be evicted' });
    await upstream.down();
    await pullImage(mirror, 'team/0', 'v1', kept);
    expect(await ask(mirror, '/unpin', { references: ['team/0:v1'] })).toMatchObject({ status: 200, items: [] });
  });

  test('of a digest holds it against the purge of a tag', async () => {
    const { upstream, mirror, app } = await setUp();
    await ask(mirror, '/pin', { references: [app.digest] });
    expect(await purge(mirror, 'team/app:v1')).toMatchObject({ items: [{ removedObjects: 0, keptObjects: 4 }] });
    await upstream.down();
    expect((await pull(mirror.address, `/v2/team/app/manifests/${app.digest}`)).digest).toBe(app.digest);
  });

  test('of the configuration is not taken away here, nor is one that there is not', async () => {
    const { mirror } = await setUp({ cache: { pins: ['team/second:*'] } });
    await ask(mirror, '/pin', { references: ['team/app', 'team/*:v1'] });
    const before = await listPins(mirror);
    expect(before).toEqual([
      { pin: `${mainName}/team/second:*`, source: 'configuration' },
      { pin: `${mainName}/team/*:v1`, source: 'operator' },
      { pin: `${mainName}/team/app`, source: 'operator' },
    ]);
    for (const [status, wrong] of [
      [409, 'team/second:*'],
      [404, 'team/app:v1'],
      [400, 'Team/App'],
    ] as const) {
      expect(await ask(mirror, '/unpin', { references: ['team/app', wrong] })).toMatchObject({ status });
      expect(await listPins(mirror)).toEqual(before);
    }
    const left = before.filter(({ pin }) => !pin.endsWith('app'));
    expect(await ask(mirror, '/unpin', { references: ['team/app'] })).toMatchObject({ status: 200, items: left });
  });
});
