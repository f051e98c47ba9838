import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { RawServer } from '../../support/raw-server.ts';
import type { BlobTransfer } from '../../../src/upstream/upstream.ts';
import { blobDigest, blobReply, blobText } from './answers.ts';
import { createFixture, readAll, type Fixture, type Reply } from './fixture.ts';

let fixture: Fixture;
beforeEach(() => {
  fixture = createFixture();
});
afterEach(async () => {
  await fixture.close();
});

const size = blobText.length;
const ranges = ({ requests }: RawServer) => requests.map(({ headers }) => headers['range']);

describe('a blob', () => {
  test('is opened whole', async () => {
    const server = await fixture.serve(blobReply);
    const blob = await fixture.open(server.url).openBlob('a', blobDigest);
    expect(blob).toMatchObject({ start: 0, end: size, sizeBytes: size, provenance: 'public' });
    expect((await readAll(blob.body)).toString()).toBe(blobText);
    expect(server.requests[0]).toMatchObject({ method: 'GET', target: `/v2/a/blobs/${blobDigest}` });
    expect(ranges(server)).toEqual([undefined]);
  });

  test.each([
    [{ start: 3, end: 9 }, 'bytes=3-8', { start: 3, end: 9 }],
    [{ start: 3, end: Infinity }, 'bytes=3-', { start: 3, end: size }],
    [{ start: 30, end: 1_000 }, 'bytes=30-999', { start: 30, end: size }],
  ])('is opened at a span %j', async (span, asked, given) => {
    const server = await fixture.serve(blobReply);
    const blob = await fixture.open(server.url).openBlob('a', blobDigest, { span });
    expect(blob).toMatchObject({ ...given, sizeBytes: size });
    expect((await readAll(blob.body)).toString()).toBe(blobText.slice(given.start, given.end));
    expect(ranges(server)).toEqual([asked]);
  });

  test('without range support comes from its start', async () => {
    const { url } = await fixture.serve(() => ({ status: 200, body: blobText }));
    const blob = await fixture.open(url).openBlob('a', blobDigest, { span: { start: 5, end: 9 } });
    expect(blob).toMatchObject({ start: 0, end: size, sizeBytes: size });
    blob.destroy();
  });

  test.each([
    ['starts elsewhere', 'bytes 4-8/40'],
    ['goes on too far', 'bytes 3-9/40'],
    ['has no range', ''],
    ['has a size before its end', 'bytes 3-8/5'],
    ['has another length', 'bytes 3-7/40'],
    ['is of another unit', 'lines 3-8/40'],
  ])('whose 206 %s is a failure', async (_how, range) => {
    const { url } = await fixture.serve(() => ({ status: 206, headers: { 'content-range': range }, body: '345678' }));
    await expect(fixture.open(url).openBlob('a', blobDigest, { span: { start: 3, end: 9 } })).rejects.toMatchObject({
      kind: 'upstream-failed',
      isFinal: false,
    });
  });

  test('whose 206 answers a plain request has to be the whole', async () => {
    const { url } = await fixture.serve(({ target }) => {
      const range = target.includes('/whole/') ? 'bytes 0-5/6' : 'bytes 0-5/40';
      return { status: 206, headers: { 'content-range': range }, body: '012345' };
    });
    const upstream = fixture.open(url);
    const blob = await upstream.openBlob('whole', blobDigest);
    expect(blob).toMatchObject({ start: 0, end: 6, sizeBytes: 6 });
    blob.destroy();
    await expect(upstream.openBlob('part', blobDigest)).rejects.toMatchObject({ kind: 'upstream-failed' });
  });

  test.each([
    [404, { kind: 'blob-unknown', isFinal: true }],
    [401, { kind: 'blob-unknown', isFinal: true }],
    [403, { kind: 'blob-unknown', isFinal: true }],
    [416, { kind: 'upstream-failed', isFinal: true }],
    [429, { kind: 'upstream-throttled', isFinal: false }],
    [500, { kind: 'upstream-failed', isFinal: false }],
  ])('that is answered %i is %j', async (status, expected) => {
    const { url } = await fixture.serve(() => ({ status }));
    await expect(fixture.open(url).openBlob('a', blobDigest)).rejects.toMatchObject(expected);
  });

  test('that is shorter than a span says how long it is', async () => {
    const { url } = await fixture.serve(blobReply);
    await expect(
      fixture.open(url).openBlob('a', blobDigest, { span: { start: 1_000, end: 2_000 } }),
    ).rejects.toMatchObject({
      isFinal: true,
      sizeBytes: size,
    });
  });

  test('of any type will do: the hash decides', async () => {
    const { url } = await fixture.serve(() => ({
      status: 200,
      headers: { 'content-type': 'text/html' },
      body: '<html>',
    }));
    expect((await readAll((await fixture.open(url).openBlob('a', blobDigest)).body)).toString()).toBe('<html>');
  });

  test('that comes in gzip after all is decoded when whole, refused in parts and in other encodings', async () => {
    const body = gzipSync(blobText);
    const { url } = await fixture.serve(({ target, headers }): Reply => {
      const encoding = { 'content-encoding': target.includes('/br/') ? 'br' : 'gzip' };
      if (headers['range'] === undefined) return { status: 200, headers: encoding, body };
      return {
        status: 206,
        headers: { ...encoding, 'content-range': `bytes 0-${body.length - 1}/${body.length}` },
        body,
      };
    });
    const upstream = fixture.open(url);
    const blob = await upstream.openBlob('a', blobDigest);
    expect(blob).toMatchObject({ start: 0, end: undefined, sizeBytes: undefined });
    expect((await readAll(blob.body)).toString()).toBe(blobText);
    await expect(upstream.openBlob('a', blobDigest, { span: { start: 0, end: 99 } })).rejects.toMatchObject({
      kind: 'content-mismatch',
    });
    await expect(upstream.openBlob('br', blobDigest)).rejects.toMatchObject({ kind: 'content-mismatch' });
  });

  test('that breaks off in the middle throws, and one without a length just ends', async () => {
    const cut = await fixture.serve(
      () =>
        ({ socket }) =>
          void socket.end('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nabc'),
    );
    const blob = await fixture.open(cut.url).openBlob('a', blobDigest);
    await expect(readAll(blob.body)).rejects.toMatchObject({ kind: 'upstream-failed' });
    const open = await fixture.serve(
      () =>
        ({ socket }) =>
          void socket.end('HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nabc'),
    );
    const unsized = await fixture.open(open.url).openBlob('a', blobDigest);
    expect(unsized).toMatchObject({ end: undefined, sizeBytes: undefined });
    expect((await readAll(unsized.body)).toString()).toBe('abc');
  });

  test('that nobody wants any more is cut off: by destroy, by the signal, by leaving the loop', async () => {
    const server = await fixture.serve(() => async ({ socket, closed }) => {
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nabc');
      await closed;
    });
    const upstream = fixture.open(server.url);
    const leaver = new AbortController();
    const [one, two, three] = await Promise.all([
      upstream.openBlob('a', blobDigest),
      upstream.openBlob('a', blobDigest, { signal: leaver.signal }),
      upstream.openBlob('a', blobDigest),
    ]);
    const reading = readAll(two.body);
    one.destroy();
    leaver.abort();
    const iterator = three.body[Symbol.asyncIterator]();
    expect((await iterator.next()).value).toEqual(Buffer.from('abc'));
    await iterator.return?.();
    await expect(reading).rejects.toMatchObject({ kind: 'upstream-failed' });
    await server.until(() => server.connections.open === 0);
  });

  test('is not asked for when the caller has left before', async () => {
    const server = await fixture.serve(blobReply);
    await expect(
      fixture.open(server.url).openBlob('a', blobDigest, { signal: AbortSignal.abort() }),
    ).rejects.toMatchObject({
      kind: 'upstream-failed',
    });
    expect(server.requests).toHaveLength(0);
  });
});

describe('the size of a blob', () => {
  test('is learnt by HEAD', async () => {
    const server = await fixture.serve(blobReply);
    expect(await fixture.open(server.url).headBlob('a', blobDigest)).toEqual({ sizeBytes: size, provenance: 'public' });
    expect(server.requests.map(({ method }) => method)).toEqual(['HEAD']);
  });

  test.each([403, 405])('is learnt from one byte where storage refuses HEAD with %i', async (status) => {
    const cdn = await fixture.serve((request) => (request.method === 'HEAD' ? { status } : blobReply(request)));
    const registry = await fixture.serve(() => ({ status: 307, headers: { location: `${cdn.url}/x` } }));
    expect(await fixture.open(registry.url).headBlob('a', blobDigest)).toMatchObject({ sizeBytes: size });
    expect(ranges(cdn)).toEqual([undefined, 'bytes=0-0']);
  });

  test('is learnt from one byte where the registry knows no HEAD, also of an empty blob', async () => {
    const server = await fixture.serve((request) =>
      request.method === 'HEAD'
        ? { status: 405 }
        : blobReply(request, Buffer.alloc(request.target.includes('/empty/') ? 0 : 7)),
    );
    const upstream = fixture.open(server.url);
    expect(await upstream.headBlob('a', blobDigest)).toMatchObject({ sizeBytes: 7 });
    expect(await upstream.headBlob('empty', blobDigest)).toMatchObject({ sizeBytes: 0 });
  });

  test.each([
    [404, { kind: 'blob-unknown', isFinal: true }],
    [403, { kind: 'blob-unknown', isFinal: true }],
    [500, { kind: 'upstream-failed', isFinal: false }],
  ])('is not learnt from %i', async (status, expected) => {
    const server = await fixture.serve(() => ({ status }));
    await expect(fixture.open(server.url).headBlob('a', blobDigest)).rejects.toMatchObject(expected);
    expect(server.requests).toHaveLength(1);
  });
});

describe('the segments of one fill', () => {
  const serve = async (answer: (count: number) => Reply | undefined = () => undefined) => {
    let count = 0;
    const cdn = await fixture.serve((request) => answer((count += 1)) ?? blobReply(request));
    const registry = await fixture.serve(() => ({
      status: 307,
      headers: { location: `${cdn.url}/signed?n=${registry.requests.length}` },
    }));
    const upstream = fixture.open(registry.url);
    const transfer: BlobTransfer = { redirectTarget: undefined };
    const open = async (start: number, repository = 'a', avoidLastUrl = false) => {
      const blob = await upstream.openBlob(repository, blobDigest, {
        span: { start, end: start + 4 },
        transfer,
        avoidLastUrl,
      });
      return (await readAll(blob.body)).toString();
    };
    return { cdn, registry, transfer, open };
  };

  test('go straight to where the first was led', async () => {
    const { cdn, registry, transfer, open } = await serve();
    expect([await open(0), await open(4), await open(8)]).toEqual([
      blobText.slice(0, 4),
      blobText.slice(4, 8),
      blobText.slice(8, 12),
    ]);
    expect([registry.requests.length, cdn.requests.length]).toEqual([1, 3]);
    expect(transfer.redirectTarget).toBe(`${cdn.url}/signed?n=1`);
  });

  test.each([403, 401, 500, 404, 416])('ask the registry again when that place says %i', async (status) => {
    const { registry, transfer, open, cdn } = await serve((count) => (count === 2 ? { status } : undefined));
    await open(0);
    expect(await open(4)).toBe(blobText.slice(4, 8));
    expect(registry.requests).toHaveLength(2);
    expect(transfer.redirectTarget).toBe(`${cdn.url}/signed?n=2`);
  });

  test('ask the registry again when that place is gone', async () => {
    const { registry, transfer, open, cdn } = await serve();
    await open(0);
    await cdn.down();
    await expect(open(4)).rejects.toMatchObject({ kind: 'upstream-failed', isFinal: false });
    expect([registry.requests.length, transfer.redirectTarget]).toEqual([2, undefined]);
  });

  test('ask the registry once more when a fresh place refuses', async () => {
    const { registry, open } = await serve((count) => (count === 1 ? { status: 403 } : undefined));
    expect(await open(0)).toBe(blobText.slice(0, 4));
    expect(registry.requests).toHaveLength(2);
    const broken = await serve(() => ({ status: 403 }));
    await expect(broken.open(0)).rejects.toMatchObject({ kind: 'upstream-failed', isFinal: false });
    expect(broken.registry.requests).toHaveLength(2);
  });

  test('never use what another repository was shown', async () => {
    const { registry, open } = await serve();
    await open(0, 'a');
    await open(4, 'b');
    expect(registry.requests.map(({ target }) => target)).toEqual([
      `/v2/a/blobs/${blobDigest}`,
      `/v2/b/blobs/${blobDigest}`,
    ]);
  });

  test('do not go where wrong bytes came from', async () => {
    const { registry, open } = await serve();
    await open(0);
    await open(4, 'a', true);
    expect(registry.requests).toHaveLength(2);
  });
});
