import { afterEach, describe, expect, test } from '@jest/globals';
import type { Mirror } from '../../../src/mirror/mirror-api.ts';
import type { ServedReferrers, ServedTags } from '../../../src/mirror/pull.ts';
import { jsonOf, pull } from '../../support/raw-client.ts';
import { createFakeMirror } from './fake-mirror.ts';
import { serve, type ServeOptions, type Served } from './harness.ts';

let served: Served | undefined;
afterEach(async () => {
  await served?.close();
  served = undefined;
});

async function setUp(parts: Partial<Mirror>, options: ServeOptions = {}) {
  const mirror = createFakeMirror(parts);
  served = await serve(mirror, options);
  const { address } = served;
  return { mirror, get: (path: string, method = 'GET') => pull(address, path, { method }) };
}

function tags(facts: Partial<ServedTags> = {}): Partial<Mirror> {
  return {
    listTags: async () => ({ outcome: 'miss', tags: ['v1', 'v2'], next: undefined, warning: undefined, ...facts }),
  };
}

describe('the tags of a repository', () => {
  test('come as JSON, under the name that the client knows', async () => {
    const { get } = await setUp(tags());
    const pulled = await get('/v2/ghcr.io/o/r/tags/list');
    expect(jsonOf(pulled)).toEqual({ name: 'ghcr.io/o/r', tags: ['v1', 'v2'] });
    expect(pulled).toMatchObject({
      status: 200,
      headers: {
        'content-type': 'application/json',
        'cache-control': 'no-cache',
        'cache-status': 'stowage; fwd=uri-miss; stored',
      },
    });
    expect(pulled.headers['link']).toBeUndefined();
  });

  test('are not capped when no page was asked for', async () => {
    const many = Array.from({ length: 20_000 }, (_, index) => `v${index}`);
    const { mirror, get } = await setUp(tags({ tags: many }));
    expect(jsonOf(await get('/v2/o/r/tags/list'))).toEqual({ name: 'o/r', tags: many });
    expect(mirror.ledger.calls).toEqual([
      { method: 'listTags', pull: { upstream: 'docker.io', repository: 'o/r', n: undefined, last: undefined } },
    ]);
  });

  test('are an empty list where there are none', async () => {
    const { get } = await setUp(tags({ tags: [] }));
    expect((await get('/v2/o/r/tags/list')).body.toString()).toBe('{"name":"o/r","tags":[]}');
  });

  test('of page size 0 are an empty list without Link, of a repository that is there', async () => {
    const { mirror, get } = await setUp(tags({ next: { n: 1, last: 'v1' } }));
    const pulled = await get('/v2/o/r/tags/list?n=0');
    expect(jsonOf(pulled)).toEqual({ name: 'o/r', tags: [] });
    expect(pulled.headers['link']).toBeUndefined();
    expect(mirror.ledger.calls).toHaveLength(1);
  });

  test.each([
    ['/v2/o/r/tags/list?n=2', '</v2/o/r/tags/list?n=2&last=v2>; rel="next"'],
    ['/v2/o/r/tags/list?ns=ghcr.io&n=2', '</v2/o/r/tags/list?ns=ghcr.io&n=2&last=v2>; rel="next"'],
    ['/ghcr.io/v2/o/r/tags/list?n=2&last=v0', '</ghcr.io/v2/o/r/tags/list?n=2&last=v2>; rel="next"'],
    ['/v2/localhost%3A5000/o/r/tags/list?n=2', '</v2/localhost%3A5000/o/r/tags/list?n=2&last=v2>; rel="next"'],
    [
      '/v2/o/r/tags/list?x=%0d%0aSet-Cookie:a%3E&n=2',
      '</v2/o/r/tags/list?x=%0D%0ASet-Cookie%3Aa%3E&n=2&last=v2>; rel="next"',
    ],
  ])('%s leads to the next page by a relative Link', async (path, link) => {
    const { get } = await setUp(tags({ next: { n: 2, last: 'v2' } }));
    expect((await get(path)).headers['link']).toBe(link);
  });

  test('that are stale say so', async () => {
    const { get } = await setUp(tags({ outcome: 'stale', warning: 'ghcr.io is away' }));
    expect((await get('/v2/o/r/tags/list')).headers).toMatchObject({
      warning: '299 - "ghcr.io is away"',
      'cache-status': 'stowage; hit; detail=stale',
    });
  });

  test('have a HEAD with the same headers', async () => {
    const { get } = await setUp(tags());
    const { date: _get, ...ofGet } = (await get('/v2/o/r/tags/list')).headers;
    const head = await get('/v2/o/r/tags/list', 'HEAD');
    const { date: _head, ...ofHead } = head.headers;
    expect(ofHead).toEqual(ofGet);
    expect(head.bytes).toBe(0);
  });
});

describe('the referrers of a digest', () => {
  const path = `/v2/o/r/referrers/sha256:${'ab'.repeat(32)}`;
  const bytes = Buffer.from('{"schemaVersion":2, "manifests":[]}\n');
  const referrers = (facts: Partial<ServedReferrers> = {}): Partial<Mirror> => ({
    listReferrers: async () => ({ outcome: 'miss', bytes, isFiltered: false, warning: undefined, ...facts }),
  });

  test('come as they are, with exactly the type of an index', async () => {
    const { get } = await setUp(referrers());
    const pulled = await get(path);
    expect(pulled).toMatchObject({
      status: 200,
      headers: { 'content-type': 'application/vnd.oci.image.index.v1+json', 'cache-control': 'no-cache' },
    });
    expect(pulled.body.equals(bytes)).toBe(true);
    expect(pulled.headers['oci-filters-applied']).toBeUndefined();
  });

  test('say when they were filtered', async () => {
    const { mirror, get } = await setUp(referrers({ isFiltered: true }));
    const pulled = await get(`${path}?artifactType=a%2Fb`);
    expect(pulled.headers['oci-filters-applied']).toBe('artifactType');
    expect(mirror.ledger.calls[0]?.pull).toMatchObject({ artifactType: 'a/b' });
  });
});

describe('the catalogue', () => {
  const catalog: Partial<Mirror> = {
    listCatalog: () => [
      { upstream: 'a.b', repository: 'z' },
      { upstream: 'a.b-c', repository: 'a' },
      { upstream: 'ghcr.io', repository: 'o/r' },
      { upstream: 'ghcr.io', repository: 'o/s' },
    ],
  };

  test('is off', async () => {
    const { get } = await setUp(catalog);
    const pulled = await get('/v2/_catalog');
    expect(pulled.status).toBe(404);
    expect(jsonOf(pulled)).toMatchObject({ errors: [{ code: 'UNSUPPORTED' }] });
  });

  test('names what can be pulled, in bytewise order', async () => {
    const { get } = await setUp(catalog, { isCatalogEnabled: true });
    expect(jsonOf(await get('/v2/_catalog'))).toEqual({
      repositories: ['a.b-c/a', 'a.b/z', 'ghcr.io/o/r', 'ghcr.io/o/s'],
    });
    expect(jsonOf(await get('/v2/_catalog?ns=ghcr.io'))).toEqual({ repositories: ['o/r', 'o/s'] });
  });

  test('comes in pages that Links connect', async () => {
    const { get } = await setUp(catalog, { isCatalogEnabled: true });
    const pages: unknown[] = [];
    let path: string | undefined = '/v2/_catalog?n=3';
    while (path !== undefined) {
      const pulled = await get(path);
      pages.push(jsonOf(pulled)['repositories']);
      path = /^<([^>]+)>; rel="next"$/.exec(pulled.headers['link'] ?? '')?.[1];
    }
    expect(pages).toEqual([['a.b-c/a', 'a.b/z', 'ghcr.io/o/r'], ['ghcr.io/o/s']]);
    const empty = await get('/v2/_catalog?n=0');
    expect(jsonOf(empty)).toEqual({ repositories: [] });
    expect(empty.headers['link']).toBeUndefined();
  });
});
