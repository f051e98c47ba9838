// Story: answers from upstream that are framed, typed or ranged wrongly.
import { describe, expect, test } from '@jest/globals';
import { createSeededContent } from '../support/content.ts';
import { expectWhole } from '../support/expectations.ts';
import type { Fault } from '../support/fault.ts';
import { mainName, setStage } from '../support/flow.ts';
import { exchangeRaw } from '../support/raw-exchange.ts';
import { pull } from '../support/raw-client.ts';
import { blobGets } from '../support/scripted-upstream.ts';

const stage = setStage();
const layer = createSeededContent('framing', 3_000_000);
const path = `/v2/team/app/blobs/${layer.digest}`;

async function setUp(entry: object = {}) {
  const upstream = await stage.upstream();
  upstream.registry.addBlob('team/app', layer);
  return { upstream, mirror: await stage.mirror([{ upstream, name: mainName, ...entry }]) };
}

describe('an answer of upstream', () => {
  const curable: readonly (readonly [string, Fault])[] = [
    ['chunked and cut', { chunked: true, cut: { after: 1_000_000, by: 'FIN' } }],
    ['longer than its Content-Length', { extra: 50 }],
    ['with two lengths', { raw: 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello' }],
    [
      'with length and chunks',
      { raw: 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n' },
    ],
    ['with too large a head', { raw: `HTTP/1.1 200 OK\r\nX: ${'x'.repeat(100_000)}\r\n\r\n` }],
    ['with a bare carriage return', { raw: 'HTTP/1.1 200 OK\r\nX: a\rb\r\nContent-Length: 0\r\n\r\n' }],
    [
      'with a range that was not asked for',
      { status: 206, headers: { 'content-range': `bytes 5-9/${layer.sizeBytes}` } },
    ],
    ['with a range of another size', { status: 206, headers: { 'content-range': `bytes 0-9/10` } }],
    ['with a range that is none', { status: 206, headers: { 'content-range': 'bytes x-y/z' } }],
    ['206 without a range', { status: 206, headers: { 'content-range': undefined } }],
    ['204', { status: 204 }],
    ['304', { status: 304 }],
    ['a redirect to nowhere', { status: 307 }],
    ['416', { status: 416 }],
    ['418', { status: 418, body: 'teapot' }],
  ];

  test.each(curable)(
    '%s harms no reader that comes afterwards, and never ends as a wrong whole',
    async (_name, fault) => {
      const { upstream, mirror } = await setUp();
      upstream.once(blobGets, fault);
      const pulled = await pull(mirror.address, path);
      if (pulled.status === 200 && pulled.isComplete) expectWhole(pulled, layer);
      else if (pulled.status !== 200) expect(pulled.status).toBeGreaterThanOrEqual(400);
      expect(pulled.headers['content-encoding']).toBeUndefined();
      expectWhole(await pull(mirror.address, path), layer);
    },
  );

  test('gzipped in transport is unpacked, or refused', async () => {
    const { upstream, mirror } = await setUp();
    upstream.once(blobGets, { encode: 'gzip', ignoreRange: true });
    const pulled = await pull(mirror.address, path);
    if (pulled.status === 200 && pulled.isComplete) expect(pulled.digest).toBe(layer.digest);
    expect(pulled.headers['content-encoding']).toBeUndefined();
    expectWhole(await pull(mirror.address, path), layer);
  });

  test('200 to a resume is read from its beginning, without doubling a byte', async () => {
    const { upstream, mirror } = await setUp();
    upstream.once(blobGets, { cut: { after: 1_000_000, by: 'FIN' } });
    upstream.nth(2, blobGets, { ignoreRange: true });
    expectWhole(await pull(mirror.address, path), layer);
  });

  test('of changed bytes to a resume is found out by the digest', async () => {
    const { upstream, mirror } = await setUp();
    upstream.once(blobGets, { cut: { after: 1_000_000, by: 'FIN' } });
    const changed = upstream.nth(2, blobGets, { flip: 2_000_000 });
    const pulled = await pull(mirror.address, path);
    expect(pulled.isComplete).toBe(false);
    changed.remove();
    expectWhole(await pull(mirror.address, path), layer);
  });

  test('that drips is asked for again', async () => {
    const { upstream, mirror } = await setUp();
    upstream.once(blobGets, { drip: 2000 });
    const config = await stage.mirror(upstream, { fill: { idleTimeout: '500ms', minRate: '10kB' } });
    expectWhole(await pull(config.address, path), layer);
    expect(upstream.find(blobGets).length).toBeGreaterThan(1);
    expect((await pull(mirror.address, '/v2/')).status).toBe(200);
  });

  test('that nobody asked for is never taken for the next one', async () => {
    const { upstream, mirror } = await setUp({ tagTtl: '1ms' });
    const image = upstream.registry.addImage('team/app', 'latest', ['layer']);
    const forged = '{"schemaVersion":2}';
    const poison = `HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}HTTP/1.1 200 OK\r\nContent-Type: application/vnd.oci.image.manifest.v1+json\r\nContent-Length: ${forged.length}\r\n\r\n${forged}`;
    upstream.once({ path: '/tags/list' }, { raw: poison });
    await pull(mirror.address, '/v2/team/app/tags/list');
    for (let i = 0; i < 3; i += 1) {
      expect((await pull(mirror.address, '/v2/team/app/manifests/latest')).digest).toBe(image.digest);
    }
  });

  test('with headers that no client may see does not get through', async () => {
    const { upstream, mirror } = await setUp();
    upstream.always(
      {},
      { headers: { 'x-upstream': 'inside', 'set-cookie': 'a=b', server: 'upstream', 'x-a': 'é\u0001' } },
    );
    const pulled = await pull(mirror.address, path);
    for (const name of ['x-upstream', 'set-cookie', 'x-a']) expect(pulled.headers[name]).toBeUndefined();
  });
});

describe('a client', () => {
  test('that accepts encodings gets the raw bytes', async () => {
    const { mirror } = await setUp();
    for (const encoding of ['gzip', 'zstd, gzip, deflate', 'br;q=1, *;q=0']) {
      const pulled = await pull(mirror.address, path, { headers: { 'accept-encoding': encoding } });
      expectWhole(pulled, layer);
      expect(pulled.headers['content-encoding']).toBeUndefined();
    }
  });

  test('that has the content already is told so, on a strong match only', async () => {
    const { mirror } = await setUp();
    expectWhole(await pull(mirror.address, path), layer);
    const etag = `"${layer.digest}"`;
    for (const value of [etag, `"other", ${etag}`]) {
      const pulled = await pull(mirror.address, path, { headers: { 'if-none-match': value } });
      expect(pulled).toMatchObject({ status: 304, bytes: 0 });
      expect(pulled.headers['docker-content-digest']).toBe(layer.digest);
    }
    expectWhole(await pull(mirror.address, path, { headers: { 'if-none-match': '"other"' } }), layer);
    expectWhole(await pull(mirror.address, path, { range: 'bytes=0-9', headers: { 'if-range': '"other"' } }), layer);
    const matching = await pull(mirror.address, path, { range: 'bytes=0-9', headers: { 'if-range': etag } });
    expect(matching).toMatchObject({ status: 206, bytes: 10 });
  });

  test('of HTTP/1.0 gets a plain body and the end of the connection', async () => {
    const { upstream, mirror } = await setUp();
    const small = upstream.registry.addBlob('team/app', 'old clients read, too');
    const answer = await exchangeRaw(mirror.address, `GET /v2/team/app/blobs/${small.digest} HTTP/1.0\r\n\r\n`);
    expect(answer).toMatch(/^HTTP\/1\.1 200 /);
    expect(answer.toLowerCase()).not.toContain('transfer-encoding');
    expect(answer.endsWith('\r\n\r\nold clients read, too')).toBe(true);
  });

  test('that pipelines gets every answer, whole and in order', async () => {
    const { upstream, mirror } = await setUp();
    const blobs = ['one', 'two', 'three'].map((text) => upstream.registry.addBlob('team/app', text));
    const requests = blobs.map((blob) => `GET /v2/team/app/blobs/${blob.digest} HTTP/1.1\r\nHost: m\r\n\r\n`).join('');
    const answer = await exchangeRaw(mirror.address, requests, (received) => received.endsWith('\r\n\r\nthree'));
    expect(answer.match(/\r\n\r\n(one|two|three)/g)).toEqual(['\r\n\r\none', '\r\n\r\ntwo', '\r\n\r\nthree']);
  });
});
