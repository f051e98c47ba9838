import { afterEach, describe, expect, test } from '@jest/globals';
import express from 'express';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createApiRouter } from '../../../src/admin/api-router.ts';
import { createImagesRoutes, type ImagesRoutesOptions } from '../../../src/admin/images-routes.ts';
import { parsePin } from '../../../src/config/pins.ts';
import { computeDigest } from '../../../src/oci/digest.ts';
import { formatImageName } from '../../../src/oci/image-name.ts';
import { mediaTypes } from '../../../src/oci/media-type.ts';
import { formatPin, type Pin } from '../../../src/oci/pin.ts';
import type { BrowsedImage, ImageQuery, RepositoryQuery } from '../../../src/store/browse-protocol.ts';

const upstreams = [
  { name: 'docker.io', aliases: ['index.docker.io'], isDefault: true },
  { name: 'ghcr.io', aliases: [], isDefault: false },
];
const digest = computeDigest('sha256', Buffer.from('a'));

/** Knows every image, and writes down what it is asked. */
class FakeImages {
  readonly asked: unknown[] = [];
  configured: Pin[] = [];
  made: Pin[] = [];
  items: BrowsedImage[] = [];
  hasMore = false;
  failedObjects = 0;

  async listRepositories(query: RepositoryQuery) {
    this.asked.push(query);
    const items = this.items.map(({ upstream, repository }) => ({
      upstream,
      repository,
      tags: 1,
      lastUsedMs: undefined,
    }));
    return await Promise.resolve({ items, hasMore: this.hasMore });
  }

  async list(query: ImageQuery) {
    this.asked.push(query);
    return await Promise.resolve({ items: this.items, hasMore: this.hasMore });
  }

  async describe(name: Parameters<typeof formatImageName>[0]): Promise<never> {
    this.asked.push(formatImageName(name));
    return await Promise.reject(new Error('a bug'));
  }

  async purge(names: readonly Parameters<typeof formatImageName>[0][]) {
    this.asked.push(names.map(formatImageName));
    const counts = { removedObjects: 3, freedBytes: 30, keptObjects: 1, failedObjects: this.failedObjects };
    return await Promise.resolve(names.map((name) => ({ name, ...counts })));
  }

  readonly pins = {
    list: () => [
      ...this.configured.map((pin) => ({ pin, source: 'configuration' })),
      ...this.made.map((pin) => ({ pin, source: 'operator' })),
    ],
    findSource: (pin: Pin) =>
      this.made.some((one) => formatPin(one) === formatPin(pin))
        ? 'operator'
        : this.configured.some((one) => formatPin(one) === formatPin(pin))
          ? 'configuration'
          : undefined,
    add: async (pins: readonly Pin[]) => await Promise.resolve(void this.made.push(...pins)),
    remove: async (pins: readonly Pin[]) => {
      const texts = pins.map(formatPin);
      this.made = this.made.filter((pin) => !texts.includes(formatPin(pin)));
      await Promise.resolve();
    },
  };
}

let server: Server | undefined;
afterEach(async () => {
  await new Promise((resolve) => server?.close(resolve) ?? resolve(undefined));
  server = undefined;
});

async function start() {
  const images = new FakeImages();
  const routes = createImagesRoutes({
    images: images as unknown as ImagesRoutesOptions['images'],
    upstreams: () => upstreams,
    parsePin: (text) => parsePin(text, upstreams),
  });
  const app = express();
  app.set('query parser', false);
  app.set('env', 'test');
  app.use('/api/v1', createApiRouter([routes]));
  server = createServer(app);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/api/v1`;
  const read = async (response: Response): Promise<{ status: number; body: unknown }> => ({
    status: response.status,
    body: await response.json(),
  });
  const get = async (path: string) => await read(await fetch(`${address}${path}`));
  const post = async (path: string, body: unknown) =>
    await read(
      await fetch(`${address}${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      }),
    );
  return { images, get, post };
}

function imageOf(tag: string): BrowsedImage {
  const id = { upstream: 'docker.io', repository: 'library/alpine', tag };
  return {
    ...id,
    digest,
    mediaType: mediaTypes.ociManifest,
    provenance: 'restricted',
    isPinned: false,
    hits: 7,
    lastUsedMs: 0,
    checkedMs: 1000,
    sizeBytes: 20,
    cachedBytes: 10,
    position: { ...id, value: 7, digest },
  };
}

describe('lists', () => {
  test('are asked for as the query says, with defaults', async () => {
    const { images, get } = await start();
    const unset = { search: undefined, upstream: undefined, after: undefined };
    expect(await get('/images')).toEqual({ status: 200, body: { items: [], next: null } });
    expect(images.asked.pop()).toEqual({ ...unset, repository: undefined, order: 'name', limit: 50 });
    await get('/images?search=a%20%25&upstream=ghcr.io&repository=org%2Fapp&sort=used&limit=200&cursor=');
    expect(images.asked).toEqual([]);
    await get('/images?search=a%20%25&upstream=ghcr.io&repository=org%2Fapp&sort=used&limit=200');
    expect(images.asked.pop()).toEqual({
      search: 'a %',
      upstream: 'ghcr.io',
      repository: 'org/app',
      order: 'used',
      after: undefined,
      limit: 200,
    });
    await get('/repositories?search=&limit=1');
    expect(images.asked.pop()).toEqual({ ...unset, limit: 1 });
  });

  test('go on where the cursor says', async () => {
    const { images, get } = await start();
    images.items = [imageOf('3.20')];
    images.hasMore = true;
    const { body } = (await get('/images?sort=hits')) as { body: { items: object[]; next: string } };
    expect(body.items).toEqual([
      {
        reference: 'docker.io/library/alpine:3.20',
        upstream: 'docker.io',
        repository: 'library/alpine',
        tag: '3.20',
        digest,
        mediaType: mediaTypes.ociManifest,
        sizeBytes: 20,
        cachedBytes: 10,
        hits: 7,
        lastUsedAt: '1970-01-01T00:00:00.000Z',
        checkedAt: '1970-01-01T00:00:01.000Z',
        isPinned: false,
        visibility: 'restricted',
      },
    ]);
    expect(body.next).toMatch(/^[\w-]+$/);
    await get(`/images?sort=hits&cursor=${body.next}`);
    expect(images.asked.pop()).toMatchObject({ after: images.items[0]?.position });
    const other = await get(`/images?sort=size&cursor=${body.next}`);
    expect(other).toMatchObject({
      status: 400,
      body: { field: 'cursor', error: expect.stringContaining('hits') as unknown },
    });
    const repositories = (await get('/repositories')) as { body: { items: object[]; next: string } };
    expect(repositories.body.items).toEqual([
      { upstream: 'docker.io', repository: 'library/alpine', tags: 1, lastUsedAt: null },
    ]);
    await get(`/repositories?cursor=${repositories.body.next}`);
    expect(images.asked.pop()).toMatchObject({ after: { upstream: 'docker.io', repository: 'library/alpine' } });
    expect(await get(`/repositories?cursor=${body.next}`)).toMatchObject({ status: 400, body: { field: 'cursor' } });
  });

  test.each([
    ['/images?limit=0', 'limit'],
    ['/images?limit=201', 'limit'],
    ['/images?limit=1e2', 'limit'],
    ['/images?limit=-1', 'limit'],
    ['/images?limit=', 'limit'],
    ['/images?sort=digest', 'sort'],
    ['/images?sort=name&sort=used', 'sort'],
    ['/images?order=name', 'order'],
    [`/images?search=${'a'.repeat(301)}`, 'search'],
    ['/images?cursor=!', 'cursor'],
    ['/images?cursor=W10', 'cursor'],
    [`/images?cursor=${Buffer.from('{"a":1}').toString('base64url')}`, 'cursor'],
    ['/repositories?sort=name', 'sort'],
    ['/repositories?limit=many', 'limit'],
    ['/repositories?__proto__=1', '__proto__'],
    ['/pins?limit=1', 'limit'],
    ['/image', 'reference'],
    ['/image?reference=', 'reference'],
    ['/image?reference=no%20such%2F%2Fimage%3A%3A', 'reference'],
    ['/image?reference=unlisted.example%2Fapp', 'reference'],
    ['/image?reference=alpine&digest=1', 'digest'],
  ])('%s is refused for its %s', async (path, field) => {
    const { images, get } = await start();
    expect(await get(path)).toMatchObject({ status: 400, body: { field, error: expect.any(String) as unknown } });
    expect(images.asked).toEqual([]);
  });
});

describe('changes', () => {
  const many = Array.from({ length: 1001 }, (_, n) => `app:v${n}`);

  test.each([
    [{}, 'references'],
    [{ references: 'alpine' }, 'references'],
    [{ references: [] }, 'references'],
    [{ references: many }, 'references'],
    [{ references: ['alpine', 1] }, 'references[1]'],
    [{ references: ['alpine', 'no such//image::'] }, 'references[1]'],
    [{ references: ['alpine', 'unlisted.example/app'] }, 'references[1]'],
    [{ references: ['alpine'], force: true }, 'force'],
    [['alpine'], undefined],
  ])('that ask for %j are refused, and nothing changes', async (body, field) => {
    const { images, post } = await start();
    for (const path of ['/purge', '/pin', '/unpin']) {
      const answer = await post(path, body);
      expect(answer.status).toBe(400);
      expect((answer.body as { field?: string }).field).toBe(field);
    }
    expect([...images.asked, ...images.made]).toEqual([]);
  });

  test('purge images by their full names', async () => {
    const { images, post } = await start();
    const references = ['alpine', `ghcr.io/org/app@${digest}`];
    const full = ['docker.io/library/alpine:latest', `ghcr.io/org/app@${digest}`];
    const counts = { removedObjects: 3, freedBytes: 30, keptObjects: 1 };
    expect(await post('/purge', { references })).toEqual({
      status: 200,
      body: { items: full.map((reference) => ({ reference, ...counts })) },
    });
    expect(images.asked).toEqual([full]);
    images.failedObjects = 2;
    expect(await post('/purge', { references })).toMatchObject({
      status: 500,
      body: { error: expect.stringContaining('4 objects') as unknown },
    });
  });

  test('pin and unpin patterns and digests', async () => {
    const { images, get, post } = await start();
    images.configured = [parsePin('busybox', upstreams)];
    const references = ['alpine:3.*', 'ghcr.io/org/*', digest];
    const items = ['docker.io/library/alpine:3.*', 'ghcr.io/org/*', digest].map((pin) => ({ pin, source: 'operator' }));
    const configured = { pin: 'docker.io/library/busybox', source: 'configuration' };
    const all = { status: 200, body: { items: [configured, ...items], next: null } };
    expect(await post('/pin', { references })).toEqual(all);
    expect(await get('/pins')).toEqual(all);
    expect(await post('/unpin', { references: ['alpine:3.*', 'alpine'] })).toEqual({
      status: 404,
      body: { error: 'docker.io/library/alpine is not pinned' },
    });
    expect(await post('/unpin', { references: ['alpine:3.*', 'busybox'] })).toEqual({
      status: 409,
      body: { error: 'docker.io/library/busybox is pinned by the configuration: take it out of cache.pins there' },
    });
    expect(await get('/pins')).toEqual(all);
    expect(await post('/unpin', { references })).toMatchObject({ status: 200, body: { items: [configured] } });
  });
});
