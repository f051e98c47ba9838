import { afterEach, describe, expect, test } from '@jest/globals';
import { mediaTypes } from '../../../src/oci/media-type.ts';
import type { ServedManifest } from '../../../src/mirror/pull.ts';
import { pull, type PullOptions } from '../../support/raw-client.ts';
import { createFakeMirror, digestOf, manifestBytes, serveManifest, type FakeMirror } from './fake-mirror.ts';
import { serve, type Served } from './harness.ts';

const digest = digestOf(manifestBytes);
const byTag = '/v2/ghcr.io/o/r/manifests/v1';
const byDigest = `/v2/ghcr.io/o/r/manifests/${digest}`;

let served: Served | undefined;
afterEach(async () => {
  await served?.close();
  served = undefined;
});

async function setUp(facts: Partial<ServedManifest> = {}) {
  const mirror: FakeMirror = createFakeMirror({
    getManifest: async () => serveManifest(facts),
    headManifest: async () => serveManifest({ bytes: undefined, ...facts }),
  });
  served = await serve(mirror);
  const { address } = served;
  return { mirror, get: (path: string, options?: PullOptions) => pull(address, path, options) };
}

describe('a manifest', () => {
  test('comes byte for byte, with its own type and nothing added to it', async () => {
    const { get } = await setUp();
    const pulled = await get(byTag);
    expect(pulled).toMatchObject({
      status: 200,
      isComplete: true,
      headers: {
        'content-type': mediaTypes.ociManifest,
        'content-length': String(manifestBytes.length),
        'docker-content-digest': digest,
        'docker-distribution-api-version': 'registry/2.0',
        etag: `"${digest}"`,
        'cache-control': 'no-cache',
        'cache-status': 'stowage; hit',
      },
    });
    expect(pulled.body.equals(manifestBytes)).toBe(true);
    expect(pulled.headers['accept-ranges']).toBeUndefined();
    expect(pulled.headers['age']).toBeUndefined();
    expect(pulled.headers['warning']).toBeUndefined();
  });

  test('is announced by HEAD with the same headers and without a body', async () => {
    const { mirror, get } = await setUp();
    for (const path of [byTag, byDigest]) {
      const { date: _get, ...ofGet } = (await get(path)).headers;
      const { date: _head, ...ofHead } = (await get(path, { method: 'HEAD' })).headers;
      expect(ofHead).toEqual(ofGet);
    }
    expect(mirror.ledger.calls.map((call) => call.method)).toEqual([
      'getManifest',
      'headManifest',
      'getManifest',
      'headManifest',
    ]);
  });

  test.each([undefined, '*/*', mediaTypes.ociIndex, 'text/html', 'application/json;q=0.1'])(
    'comes whatever Accept says: %s',
    async (accept) => {
      const { get } = await setUp();
      const pulled = await get(byTag, accept === undefined ? {} : { headers: { accept } });
      expect(pulled).toMatchObject({ status: 200, headers: { 'content-type': mediaTypes.ociManifest } });
    },
  );

  test('has no ranges', async () => {
    const { get } = await setUp();
    for (const range of ['bytes=0-3', 'bytes=9999-']) {
      expect(await get(byTag, { range })).toMatchObject({ status: 200, bytes: manifestBytes.length });
    }
  });

  test.each([
    [byDigest, 'public', 'max-age=31536000, immutable'],
    [byDigest, 'restricted', 'no-cache'],
    [byTag, 'public', 'no-cache'],
  ] as const)('%s that is %s may be cached as %s', async (path, provenance, expected) => {
    const { get } = await setUp({ provenance });
    expect((await get(path)).headers['cache-control']).toBe(expected);
  });

  test('that is stale says so, and how old it is', async () => {
    const { get } = await setUp({
      outcome: 'stale',
      ageMs: 61_900,
      warning: 'upstream "ghcr.io"\r\nis away \\ \u2028 é',
    });
    expect((await get(byTag)).headers).toMatchObject({
      'cache-status': 'stowage; hit; detail=stale',
      age: '61',
      warning: '299 - "upstream \\"ghcr.io\\"??is away \\\\ ? ?"',
    });
  });

  test('that was checked again is a hit with a detail', async () => {
    const { get } = await setUp({ outcome: 'revalidated', ageMs: 0 });
    expect((await get(byTag)).headers).toMatchObject({ 'cache-status': 'stowage; hit; detail=revalidated', age: '0' });
  });

  test('that the client has is not sent again', async () => {
    const { get } = await setUp();
    for (const method of ['GET', 'HEAD']) {
      const pulled = await get(byTag, { method, headers: { 'if-none-match': `"x", "${digest}"` } });
      expect(pulled).toMatchObject({
        status: 304,
        bytes: 0,
        headers: { etag: `"${digest}"`, 'docker-content-digest': digest, 'cache-control': 'no-cache' },
      });
    }
  });

  test('carries the namespace that was asked for, and none where none was', async () => {
    const { get } = await setUp();
    expect((await get('/v2/o/r/manifests/v1?ns=ghcr.io')).headers['oci-namespace']).toBe('ghcr.io');
    expect((await get(byTag)).headers['oci-namespace']).toBeUndefined();
  });
});
