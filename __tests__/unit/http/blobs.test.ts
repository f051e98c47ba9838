import { afterEach, describe, expect, test } from '@jest/globals';
import type { Mirror } from '../../../src/mirror/mirror-api.ts';
import { pull, type PullOptions } from '../../support/raw-client.ts';
import { createFakeMirror, createLedger, digestOf, serveBlob, type FakeMirror } from './fake-mirror.ts';
import { serve, type Served } from './harness.ts';

const bytes = Buffer.from(Array.from({ length: 300_000 }, (_, index) => (index * 7) % 251));
const digest = digestOf(bytes);
const path = `/v2/ghcr.io/o/r/blobs/${digest}`;

let served: Served | undefined;
afterEach(async () => {
  await served?.close();
  served = undefined;
});

interface Setup {
  readonly facts?: Partial<Parameters<typeof serveBlob>[2]>;
  readonly content?: Buffer;
  readonly parts?: Partial<Mirror>;
}

async function setUp({ facts, content = bytes, parts }: Setup = {}): Promise<{ mirror: FakeMirror; get: typeof get }> {
  const ledger = createLedger();
  const mirror = createFakeMirror(
    {
      getBlob: async () => serveBlob(content, ledger, facts),
      headBlob: async () => ({
        digest: digestOf(content),
        sizeBytes: content.length,
        outcome: 'hit',
        provenance: 'public',
        ...facts,
      }),
      ...parts,
    },
    ledger,
  );
  served = await serve(mirror);
  const { address } = served;
  const get = (options?: PullOptions, at = path) => pull(address, at, options);
  return { mirror, get };
}

function expectNothingOpen(mirror: FakeMirror): void {
  expect(mirror.ledger).toMatchObject({ openBlobs: 0, openBodies: 0, heldChunks: 0 });
}

const wholeHeaders = {
  'content-length': '300000',
  'content-type': 'application/octet-stream',
  'docker-content-digest': digest,
  'docker-distribution-api-version': 'registry/2.0',
  etag: `"${digest}"`,
  'accept-ranges': 'bytes',
  'cache-control': 'max-age=31536000, immutable',
  'cache-status': 'stowage; hit',
  'x-content-type-options': 'nosniff',
};

describe('a whole blob', () => {
  test('comes with every header that clients need, and byte for byte', async () => {
    const { mirror, get } = await setUp();
    const pulled = await get();
    expect(pulled).toMatchObject({ status: 200, isComplete: true, digest, headers: wholeHeaders });
    expect(Object.keys(pulled.headers).toSorted()).toEqual(
      [...Object.keys(wholeHeaders), 'connection', 'date'].toSorted(),
    );
    await served?.untilReported(1);
    expectNothingOpen(mirror);
  });

  test('is announced by HEAD with the same headers, without a body, and without being opened', async () => {
    const { mirror, get } = await setUp();
    const { headers: ofGet } = await get();
    const head = await get({ method: 'HEAD' });
    const { date: _ofGet, ...expected } = ofGet;
    const { date: _ofHead, ...actual } = head.headers;
    expect(actual).toEqual(expected);
    expect(head).toMatchObject({ status: 200, bytes: 0, isComplete: true });
    expect(mirror.ledger.calls.map((call) => call.method)).toEqual(['getBlob', 'headBlob']);
  });

  test('is never compressed, whatever the client would take', async () => {
    const { get } = await setUp();
    const pulled = await get({ headers: { 'accept-encoding': 'zstd;q=1.0, gzip;q=0.8, deflate;q=0.5' } });
    expect(pulled).toMatchObject({ digest, headers: { 'content-length': '300000' } });
    expect(pulled.headers['content-encoding']).toBeUndefined();
    expect(pulled.headers['vary']).toBeUndefined();
  });

  test('of zero bytes is a 200 with length 0, also for a range', async () => {
    const { mirror, get } = await setUp({ content: Buffer.alloc(0) });
    for (const options of [{}, { range: 'bytes=0-' }, { method: 'HEAD' }]) {
      expect(await get(options)).toMatchObject({
        status: 200,
        isComplete: true,
        bytes: 0,
        headers: { 'content-length': '0' },
      });
    }
    expectNothingOpen(mirror);
  });

  test('of restricted content may be kept by no cache in front', async () => {
    const { get } = await setUp({ facts: { provenance: 'restricted' } });
    expect((await get()).headers['cache-control']).toBe('no-cache');
  });

  test.each([
    ['hit', 'stowage; hit'],
    ['miss', 'stowage; fwd=uri-miss; stored'],
    ['follow', 'stowage; fwd=uri-miss; collapsed'],
    ['bypass', 'stowage; fwd=bypass'],
  ] as const)('that is a %s says so', async (outcome, expected) => {
    const { get } = await setUp({ facts: { outcome } });
    expect((await get()).headers['cache-status']).toBe(expected);
  });

  test('of unknown size comes chunked, promises no ranges, and takes a range for the whole', async () => {
    const { get } = await setUp({ facts: { sizeBytes: undefined } });
    for (const options of [{}, { range: 'bytes=0-9' }]) {
      const pulled = await get(options);
      expect(pulled).toMatchObject({ status: 200, isComplete: true, digest });
      expect(pulled.headers['transfer-encoding']).toBe('chunked');
      expect(pulled.headers['content-length']).toBeUndefined();
      expect(pulled.headers['accept-ranges']).toBeUndefined();
    }
    const head = await get({ method: 'HEAD' });
    expect(head.status).toBe(200);
    expect(head.headers['content-length']).toBeUndefined();
    expect(head.headers['transfer-encoding']).toBeUndefined();
  });
});

describe('ranges of a blob', () => {
  test.each([
    ['bytes=0-0', 0, 1],
    ['bytes=0-', 0, 300_000],
    ['bytes=5-', 5, 300_000],
    ['bytes=-5', 299_995, 300_000],
    ['bytes=-900000', 0, 300_000],
    ['bytes=100-199', 100, 200],
    ['bytes=299999-999999999999999999999', 299_999, 300_000],
  ])('%s is an exact 206', async (range, start, end) => {
    const { mirror, get } = await setUp();
    const pulled = await get({ range });
    expect(pulled).toMatchObject({
      status: 206,
      isComplete: true,
      headers: {
        'content-range': `bytes ${start}-${end - 1}/300000`,
        'content-length': String(end - start),
        'accept-ranges': 'bytes',
        etag: `"${digest}"`,
        'docker-content-digest': digest,
      },
    });
    expect(pulled.body.equals(bytes.subarray(start, end))).toBe(true);
    await served?.untilReported(1);
    expectNothingOpen(mirror);
  });

  test.each(['bytes=300000-', 'bytes=300000-300001', 'bytes=-0', 'bytes=400000-,500000-'])(
    '%s is a 416 that names the size and has no body',
    async (range) => {
      const { mirror, get } = await setUp();
      const pulled = await get({ range });
      expect(pulled).toMatchObject({
        status: 416,
        bytes: 0,
        isComplete: true,
        headers: { 'content-range': 'bytes */300000', 'content-length': '0', 'cache-control': 'no-store' },
      });
      for (const name of ['content-type', 'etag', 'docker-content-digest', 'accept-ranges', 'cache-status']) {
        expect(pulled.headers[name]).toBeUndefined();
      }
      await served?.untilReported(1);
      expectNothingOpen(mirror);
    },
  );

  test.each(['bytes=5-2', 'bytes=a-b', 'bytes=', 'items=0-1', 'bytes=0-200000,100000-299999'])(
    '%s is ignored: the whole comes',
    async (range) => {
      const { get } = await setUp();
      expect(await get({ range })).toMatchObject({ status: 200, digest, isComplete: true });
    },
  );

  test('several come as true multipart, in the order asked for, with an exact length', async () => {
    const { mirror, get } = await setUp();
    const pulled = await get({ range: 'bytes=10-19,0-3,-2' });
    expect(pulled).toMatchObject({ status: 206, isComplete: true });
    expect(pulled.headers['content-range']).toBeUndefined();
    const [, boundary = ''] =
      /^multipart\/byteranges; boundary=(\S+)$/.exec(pulled.headers['content-type'] ?? '') ?? [];
    const part = (start: number, end: number) =>
      Buffer.concat([
        Buffer.from(`--${boundary}\r\nContent-Type: application/octet-stream\r\n`),
        Buffer.from(`Content-Range: bytes ${start}-${end - 1}/300000\r\n\r\n`),
        bytes.subarray(start, end),
        Buffer.from('\r\n'),
      ]);
    const expected = Buffer.concat([
      part(10, 20),
      part(0, 4),
      part(299_998, 300_000),
      Buffer.from(`--${boundary}--\r\n`),
    ]);
    expect(pulled.body.equals(expected)).toBe(true);
    await served?.untilReported(1);
    expectNothingOpen(mirror);
  });

  test('several of which one is left still come as multipart', async () => {
    const { get } = await setUp();
    const pulled = await get({ range: 'bytes=0-3,400000-' });
    expect(pulled.headers['content-type']).toMatch(/^multipart\/byteranges/);
  });

  test('a thousand at once fit into a request', async () => {
    const { get } = await setUp();
    const specs = Array.from({ length: 1024 }, (_, index) => `${100_000 + index * 100}-${100_000 + index * 100 + 9}`);
    expect(await get({ range: `bytes=${specs.join(',')}` })).toMatchObject({ status: 206, isComplete: true });
  });

  test('HEAD knows none', async () => {
    const { get } = await setUp();
    expect(await get({ method: 'HEAD', range: 'bytes=0-3' })).toMatchObject({
      status: 200,
      headers: { 'content-length': '300000' },
    });
  });

  test.each([
    [`"${digest}"`, 206],
    ['"sha256:other"', 200],
    [`W/"${digest}"`, 200],
    [digest, 200],
    ['Mon, 23 Nov 2026 12:00:00 GMT', 200],
  ])('with If-Range %s the answer is %i', async (validator, status) => {
    const { get } = await setUp();
    expect(await get({ range: 'bytes=0-3', headers: { 'if-range': validator } })).toMatchObject({ status });
  });

  test('are told to the mirror before the size is known', async () => {
    const { mirror, get } = await setUp();
    await get({ range: 'bytes=5-9' });
    await get({ range: 'bytes=-7' });
    await get({ range: 'bytes=5-9', headers: { 'if-range': '"other"' } });
    await get();
    expect(mirror.ledger.calls.map((call) => call.demand)).toEqual([
      { type: 'from', start: 5, end: 10 },
      { type: 'suffix', length: 7 },
      { type: 'whole' },
      { type: 'whole' },
    ]);
  });
});

describe('conditions on a blob', () => {
  test.each([
    [`"${digest}"`, 304],
    [`"a", "${digest}"`, 304],
    ['*', 304],
    [digest, 200],
    [`W/"${digest}"`, 200],
    ['"sha256:other"', 200],
    ['', 200],
  ])('If-None-Match %s gives %i to GET and to HEAD', async (header, status) => {
    const { get } = await setUp();
    for (const method of ['GET', 'HEAD']) {
      const pulled = await get({ method, headers: { 'if-none-match': header } });
      expect(pulled).toMatchObject({ status, isComplete: true });
      expect(pulled.headers).toMatchObject({ etag: `"${digest}"`, 'docker-content-digest': digest });
      if (status === 304) expect(pulled.headers).not.toHaveProperty('content-length');
    }
  });

  test('a blob that the client may not see is absent, also to those who know its digest', async () => {
    served = await serve(createFakeMirror());
    const pulled = await pull(served.address, path, { headers: { 'if-none-match': '*' } });
    expect(pulled.status).toBe(404);
  });
});
