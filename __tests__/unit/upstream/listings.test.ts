import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { mediaTypes } from '../../../src/oci/media-type.ts';
import { startCanary } from '../../support/canary.ts';
import { blobDigest } from './answers.ts';
import { createFixture, type Fixture, type Reply } from './fixture.ts';

let fixture: Fixture;
beforeEach(() => {
  fixture = createFixture();
});
afterEach(async () => {
  await fixture.close();
});

const first = { n: undefined, last: undefined };
const json = (value: unknown, headers: Readonly<Record<string, string>> = {}): Reply => ({
  status: 200,
  headers: { 'content-type': 'application/json', ...headers },
  body: JSON.stringify(value),
});

describe('a list of tags', () => {
  test('is one page, as upstream orders it, and says what comes next', async () => {
    const server = await fixture.serve(() =>
      json({ name: 'a', tags: ['b', 'a'] }, { link: '</v2/a/tags/list?n=2&last=a>; rel="next"' }),
    );
    const upstream = fixture.open(server.url);
    expect(await upstream.listTags('a', first)).toEqual({ tags: ['b', 'a'], next: { n: 2, last: 'a' } });
    await upstream.listTags('a', { n: 2, last: 'b&c' });
    expect(server.requests.map(({ target }) => target)).toEqual(['/v2/a/tags/list', '/v2/a/tags/list?n=2&last=b%26c']);
  });

  test('may be null, and may be the last', async () => {
    const server = await fixture.serve(() => json({ name: 'a', tags: null }));
    expect(await fixture.open(server.url).listTags('a', first)).toEqual({ tags: [], next: undefined });
  });

  test('goes on after its last tag where the Link pages by tokens', async () => {
    const server = await fixture.serve(() => json({ tags: ['x', 'y'] }, { link: '<?next_page=abc>; rel=next' }));
    expect(await fixture.open(server.url).listTags('a', { n: 2, last: undefined })).toMatchObject({
      next: { n: 2, last: 'y' },
    });
  });

  test('keeps its query through a redirect that loses it', async () => {
    const backend = await fixture.serve(() => json({ tags: [] }));
    const server = await fixture.serve(() => ({
      status: 307,
      headers: { location: `${backend.url}/v2/k8s/a/tags/list` },
    }));
    await fixture.open(server.url).listTags('a', { n: 5, last: 'x' });
    expect(backend.requests[0]?.target).toBe('/v2/k8s/a/tags/list?n=5&last=x');
  });

  test('whose Link leads elsewhere is a failure, and nobody goes there', async () => {
    const canary = await startCanary();
    const server = await fixture.serve(() =>
      json({ tags: ['x'], manifests: [] }, { link: `<${canary.url}/v2/a>; rel="next"` }),
    );
    const upstream = fixture.open(server.url);
    await expect(upstream.listTags('a', first)).rejects.toMatchObject({ kind: 'upstream-failed' });
    await expect(upstream.listReferrers('a', blobDigest)).rejects.toMatchObject({ kind: 'upstream-failed' });
    expect(canary.connections).toBe(0);
    await canary.close();
  });

  test('whose Link leads to itself is the last', async () => {
    const server = await fixture.serve(() => json({ tags: ['x'] }, { link: '</v2/a/tags/list?last=x>; rel="next"' }));
    expect(await fixture.open(server.url).listTags('a', { n: undefined, last: 'x' })).toMatchObject({
      next: undefined,
    });
  });

  test('larger than 8 MiB is not read to its end', async () => {
    // So large that its end has not come when it is given up: a whole answer would leave its connection open.
    const server = await fixture.serve(() => json({ tags: ['x'.repeat(32 * 1024 * 1024)] }));
    await expect(fixture.open(server.url).listTags('a', first)).rejects.toMatchObject({ kind: 'content-mismatch' });
    await server.until(() => server.connections.open === 0);
  });

  test.each(['', '[]', 'null', '{"tags":7}', '<html>'])('that reads %p is a failure', async (body) => {
    const server = await fixture.serve(() => ({ status: 200, body }));
    await expect(fixture.open(server.url).listTags('a', first)).rejects.toMatchObject({ kind: 'upstream-failed' });
  });

  test.each([
    [404, { kind: 'manifest-unknown', isFinal: true }],
    [429, { kind: 'upstream-throttled' }],
    [500, { kind: 'upstream-failed' }],
  ])('that is answered %i is %j', async (status, expected) => {
    const server = await fixture.serve(() => ({ status }));
    await expect(fixture.open(server.url).listTags('a', first)).rejects.toMatchObject(expected);
  });
});

describe('referrers', () => {
  const index = (manifests: unknown, headers: Readonly<Record<string, string>> = {}): Reply =>
    json(
      { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests },
      { 'content-type': mediaTypes.ociIndex, ...headers },
    );

  test('of one page come with its bytes', async () => {
    const server = await fixture.serve(() => index([{ digest: 'x' }]));
    const list = await fixture.open(server.url).listReferrers('a', blobDigest);
    expect(list).toMatchObject({ manifests: [{ digest: 'x' }], isComplete: true, provenance: 'public' });
    expect(JSON.parse(Buffer.from(list?.bytes ?? []).toString())).toMatchObject({ manifests: [{ digest: 'x' }] });
    expect(server.requests[0]?.target).toBe(`/v2/a/referrers/${blobDigest}`);
  });

  test('of many pages are put together', async () => {
    const server = await fixture.serve(({ target }) => {
      const page = Number(new URL(target, 'http://x').searchParams.get('page') ?? 0);
      return index([page], page < 3 ? { link: `<?page=${page + 1}>; rel="next"` } : {});
    });
    expect(await fixture.open(server.url).listReferrers('a', blobDigest)).toMatchObject({
      manifests: [0, 1, 2, 3],
      bytes: undefined,
      isComplete: true,
    });
  });

  test('without end, or in a circle, are cut and say so', async () => {
    const endless = await fixture.serve(() => index(['x'], { link: `<?page=${endless.requests.length}>; rel="next"` }));
    const list = await fixture.open(endless.url).listReferrers('a', blobDigest);
    expect([list?.manifests.length, list?.isComplete, endless.requests.length]).toEqual([100, false, 100]);
    const circle = await fixture.serve(() => index(['x'], { link: '<?page=1>; rel="next"' }));
    expect(await fixture.open(circle.url).listReferrers('a', blobDigest)).toMatchObject({ isComplete: false });
    expect(circle.requests).toHaveLength(2);
  });

  test.each([
    ['404', { status: 404 }],
    ['400', { status: 400 }],
    ['405', { status: 405 }],
    ['a web page', { status: 200, headers: { 'content-type': 'text/html; charset=utf-8' }, body: '<html>' }],
    ['303 to a web page', { status: 303, headers: { location: 'https://example.com/page' } }],
  ])('are not offered where the answer is %s', async (_what, reply: Reply) => {
    const server = await fixture.serve(() => reply);
    expect(await fixture.open(server.url).listReferrers('a', blobDigest)).toBeUndefined();
  });

  test.each([
    [401, { kind: 'manifest-unknown' }],
    [403, { kind: 'manifest-unknown' }],
    [429, { kind: 'upstream-throttled' }],
    [500, { kind: 'upstream-failed' }],
  ])('that fail with %i are a failure, never absent', async (status, expected) => {
    const server = await fixture.serve(() => ({ status }));
    await expect(fixture.open(server.url).listReferrers('a', blobDigest)).rejects.toMatchObject(expected);
  });

  test.each(['{}', '{"manifests":null}', '{"manifests":'])('that read %p are a failure', async (body) => {
    const server = await fixture.serve(() => ({ status: 200, headers: { 'content-type': mediaTypes.ociIndex }, body }));
    await expect(fixture.open(server.url).listReferrers('a', blobDigest)).rejects.toMatchObject({
      kind: 'upstream-failed',
    });
  });
});
