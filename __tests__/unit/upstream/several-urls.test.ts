import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { RecordedRequest } from '../../support/raw-server.ts';
import { mediaTypes } from '../../../src/oci/media-type.ts';
import type { Reference } from '../../../src/oci/reference.ts';
import { createUpstreams } from '../../../src/upstream/upstreams.ts';
import { blobDigest, blobReply, blobText, manifestDigest, manifestReply, tag } from './answers.ts';
import { createFixture, readAll, type Fixture, type Reply } from './fixture.ts';

let fixture: Fixture;
beforeEach(() => {
  fixture = createFixture();
});
afterEach(async () => {
  await fixture.close();
});

const otherManifestReply: Reply = {
  status: 200,
  headers: { 'content-type': mediaTypes.ociManifest },
  body: '{"schemaVersion":1}',
};
const digest: Reference = { type: 'digest', digest: manifestDigest };
const any = (request: RecordedRequest): Reply =>
  request.target.includes('/blobs/') ? blobReply(request) : manifestReply;

const open = async (
  one: (request: RecordedRequest) => Reply,
  two: (request: RecordedRequest) => Reply,
  isFirstBelieved = false,
) => {
  const [first, second] = [await fixture.serve(one), await fixture.serve(two)];
  const upstream = fixture.open([{ url: first.url, tags: isFirstBelieved }, { url: second.url }]);
  const counts = () => [first.requests.length, second.requests.length];
  return { upstream, counts, first, second };
};

describe('of several URLs', () => {
  test('the first that has a digest serves it', async () => {
    const { upstream, counts } = await open(any, any);
    await upstream.getManifest('a', digest);
    expect(counts()).toEqual([1, 0]);
  });

  test.each([401, 403, 404, 429, 500])('the next is asked when one answers %i', async (status) => {
    const { upstream } = await open(() => ({ status }), any);
    await expect(upstream.getManifest('a', digest)).resolves.toMatchObject({ digest: manifestDigest });
    expect((await readAll((await upstream.openBlob('a', blobDigest)).body)).toString()).toBe(blobText);
    await expect(upstream.headBlob('a', blobDigest)).resolves.toMatchObject({ sizeBytes: blobText.length });
  });

  test('the next is asked when one is away or sends a web page', async () => {
    const { upstream, first } = await open(() => ({ status: 200, headers: { 'content-type': 'text/html' } }), any);
    await expect(upstream.getManifest('a', digest)).resolves.toMatchObject({ digest: manifestDigest });
    await first.down();
    await expect(upstream.getManifest('a', digest)).resolves.toMatchObject({ digest: manifestDigest });
  });

  test('the next is asked when one sends another manifest than the digest names', async () => {
    const { upstream, counts } = await open(() => otherManifestReply, any);
    await expect(upstream.getManifest('a', digest)).resolves.toMatchObject({ digest: manifestDigest });
    expect(counts()).toEqual([1, 1]);
  });

  test('only the last is believed about tags', async () => {
    const { upstream, counts } = await open(any, () => ({ status: 404 }));
    await expect(upstream.headManifest('a', tag)).rejects.toMatchObject({ kind: 'manifest-unknown' });
    await expect(upstream.listReferrers('a', blobDigest)).resolves.toBeUndefined();
    expect(counts()).toEqual([0, 2]);
  });

  test('another is believed about tags that says so', async () => {
    const { upstream, counts } = await open(any, any, true);
    await upstream.headManifest('a', tag);
    expect(counts()).toEqual([1, 0]);
  });

  test.each([
    [404, 404, { kind: 'blob-unknown', isFinal: true }],
    [401, 404, { kind: 'blob-unknown', isFinal: true }],
    [404, 500, { kind: 'upstream-failed', isFinal: false }],
    [500, 404, { kind: 'upstream-failed', isFinal: false }],
    [429, 404, { kind: 'upstream-throttled', isFinal: false }],
  ])('%i and %i together are %j', async (one, two, expected) => {
    const { upstream } = await open(
      () => ({ status: one }),
      () => ({ status: two }),
    );
    await expect(upstream.openBlob('a', blobDigest)).rejects.toMatchObject(expected);
  });

  test('referrers are absent only if none failed', async () => {
    const { upstream } = await open(
      () => ({ status: 500 }),
      () => ({ status: 404 }),
      true,
    );
    await expect(upstream.listReferrers('a', blobDigest)).rejects.toMatchObject({ kind: 'upstream-failed' });
  });

  test('another is asked first after wrong bytes', async () => {
    const { upstream, counts } = await open(any, any);
    (await upstream.openBlob('a', blobDigest)).destroy();
    (await upstream.openBlob('a', blobDigest, { avoidLastUrl: true })).destroy();
    expect(counts()).toEqual([1, 1]);
    (await upstream.openBlob('a', blobDigest, { avoidLastUrl: true })).destroy();
    expect(counts()).toEqual([2, 1]);
  });

  test('the segments of a fill stay with the one that had it', async () => {
    const { upstream, counts } = await open(() => ({ status: 404 }), any);
    const transfer = { redirectTarget: undefined };
    for (let n = 0; n < 3; n += 1) (await upstream.openBlob('a', blobDigest, { transfer })).destroy();
    expect(counts()).toEqual([1, 3]);
  });

  test('none is asked after the caller has left', async () => {
    const leaver = new AbortController();
    const { upstream, counts } = await open(() => {
      leaver.abort();
      return { status: 500 };
    }, any);
    await expect(upstream.openBlob('a', blobDigest, { signal: leaver.signal })).rejects.toMatchObject({
      kind: 'upstream-failed',
    });
    expect(counts()).toEqual([1, 0]);
  });
});

test('the set of upstreams is closed: names are found as they are configured, others not', async () => {
  const options = { urls: [{ url: 'http://127.0.0.1:1' }], shareCredentials: false, egressAllow: [] };
  const upstreams = createUpstreams(
    [
      { name: 'docker.io', ...options },
      { name: 'ghcr.io', ...options },
    ],
    fixture.context,
  );
  expect(upstreams.all.map(({ name }) => name)).toEqual(['docker.io', 'ghcr.io']);
  expect(upstreams.find('ghcr.io')).toBe(upstreams.all[1]);
  expect(upstreams.find('evil.io')).toBeUndefined();
  expect(upstreams.find('__proto__')).toBeUndefined();
  await upstreams.close();
});
