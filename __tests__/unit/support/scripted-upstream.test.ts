import { afterEach, describe, expect, test } from '@jest/globals';
import { createSeededContent } from '../../support/content.ts';
import { createGate } from '../../support/gate.ts';
import { startCanary } from '../../support/canary.ts';
import { startCdn } from '../../support/cdn.ts';
import { jsonOf, pull, startPull } from '../../support/raw-client.ts';
import {
  blobGets,
  startScriptedUpstream,
  type ScriptedUpstream,
  type UpstreamOptions,
} from '../../support/scripted-upstream.ts';
import { startTokenServer } from '../../support/token-server.ts';
import type { Fault } from '../../support/fault.ts';

const blob = createSeededContent('upstream-test', 300_000);
const blobPath = `/v2/team/app/blobs/${blob.digest}`;
const ends: (() => Promise<void>)[] = [];

async function startWithBlob(options?: UpstreamOptions): Promise<ScriptedUpstream> {
  const upstream = await startScriptedUpstream(options);
  ends.push(upstream.close);
  upstream.registry.addBlob('team/app', blob);
  return upstream;
}

afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

describe('the scripted upstream', () => {
  test('serves a blob whole and records the request', async () => {
    const upstream = await startWithBlob();
    const pulled = await pull(upstream.url, blobPath);
    expect(pulled).toMatchObject({ status: 200, digest: blob.digest, isComplete: true, bytes: 300_000 });
    expect(upstream.find(blobGets)).toMatchObject([{ method: 'GET', status: 200, bodyBytes: 300_000, connection: 1 }]);
    expect(upstream.bytesOf(blobGets)).toBe(300_000);
  });

  test.each([
    ['bytes=0-0', 0, 1],
    ['bytes=100-70000', 100, 70_001],
    ['bytes=299000-', 299_000, 300_000],
    ['bytes=-5', 299_995, 300_000],
    ['bytes=299999-400000', 299_999, 300_000],
  ])('answers %s with exactly these bytes', async (range, start, end) => {
    const upstream = await startWithBlob();
    const pulled = await pull(upstream.url, blobPath, { range });
    expect(pulled).toMatchObject({ status: 206, isComplete: true });
    expect(pulled.headers['content-range']).toBe(`bytes ${start}-${end - 1}/300000`);
    expect(pulled.body.equals(blob.read(start, end))).toBe(true);
  });

  test('answers a range past the end with 416', async () => {
    const upstream = await startWithBlob();
    expect(await pull(upstream.url, blobPath, { range: 'bytes=300000-' })).toMatchObject({ status: 416, bytes: 0 });
  });

  test('serves an image: tag, manifest by digest, config, layers', async () => {
    const upstream = await startWithBlob();
    const image = upstream.registry.addImage('team/app', '1.0', ['layer one', blob]);
    const byTag = await pull(upstream.url, '/v2/team/app/manifests/1.0');
    expect(byTag.headers['docker-content-digest']).toBe(image.digest);
    expect(byTag.digest).toBe(image.digest);
    const head = await pull(upstream.url, `/v2/team/app/manifests/${image.digest}`, { method: 'HEAD' });
    expect(head).toMatchObject({ status: 200, bytes: 0 });
    expect(head.headers['content-length']).toBe(String(image.bytes.length));
    for (const part of [image.config, ...image.layers]) {
      expect((await pull(upstream.url, `/v2/team/app/blobs/${part.digest}`)).digest).toBe(part.digest);
    }
    expect(jsonOf(await pull(upstream.url, '/v2/team/app/tags/list'))).toEqual({ name: 'team/app', tags: ['1.0'] });
    expect(await pull(upstream.url, '/v2/team/app/manifests/absent')).toMatchObject({ status: 404 });
  });

  test.each<[string, Fault, number]>([
    ['a cut by FIN', { cut: { after: 1000, by: 'FIN' } }, 1000],
    ['a cut by RST', { cut: { after: 1000, by: 'RST' } }, 1000],
  ])('breaks the body with %s', async (_name, fault, bytes) => {
    const upstream = await startWithBlob();
    upstream.once(blobGets, fault);
    expect(await pull(upstream.url, blobPath)).toMatchObject({ status: 200, isComplete: false, bytes });
    expect(await pull(upstream.url, blobPath)).toMatchObject({ isComplete: true, digest: blob.digest });
  });

  test('flips one bit at an offset of the object, in a range too', async () => {
    const upstream = await startWithBlob();
    upstream.always(blobGets, { flip: 200_000 });
    const whole = await pull(upstream.url, blobPath, { keepBody: true });
    expect(whole.body.length).toBe(300_000);
    expect(whole.body[200_000]).toBe((blob.read(200_000, 200_001)[0] ?? 0) ^ 1);
    const range = await pull(upstream.url, blobPath, { range: 'bytes=199999-200001' });
    expect([...range.body].map((byte, i) => byte ^ (blob.read(199_999, 200_002)[i] ?? 0))).toEqual([0, 1, 0]);
  });

  test('sends without length, chunked, too much, and gzipped', async () => {
    const upstream = await startWithBlob();
    upstream.once(blobGets, { noLength: true });
    const unframed = await pull(upstream.url, blobPath);
    expect(unframed).toMatchObject({ digest: blob.digest });
    expect(unframed.headers['content-length']).toBeUndefined();
    upstream.once(blobGets, { chunked: true });
    expect(await pull(upstream.url, blobPath)).toMatchObject({ digest: blob.digest, isComplete: true });
    upstream.once(blobGets, { encode: 'gzip' });
    expect((await pull(upstream.url, blobPath)).headers['content-encoding']).toBe('gzip');
    upstream.once(blobGets, { extra: 50 });
    await pull(upstream.url, blobPath);
    expect(upstream.requests.at(-1)).toMatchObject({ bodyBytes: 300_050 });
  });

  test('stalls until the client leaves, and holds until the test lets go', async () => {
    const upstream = await startWithBlob();
    upstream.once(blobGets, { stall: { after: 10 } });
    const stalled = startPull(upstream.url, blobPath);
    await stalled.untilReceived(10);
    stalled.abort();
    await upstream.until(() => upstream.connections.open === 0);
    const gate = createGate();
    upstream.once(blobGets, { holdBody: { after: 100, gate } });
    const held = startPull(upstream.url, blobPath);
    await held.untilReceived(100);
    await gate.reached;
    expect(held.received).toBe(100);
    gate.open();
    expect(await held.done).toMatchObject({ isComplete: true, digest: blob.digest });
  });

  test('never ends a body when told so', async () => {
    const upstream = await startWithBlob();
    upstream.once(blobGets, { endless: true });
    const pulled = await pull(upstream.url, blobPath, { abortAfter: 2_000_000 });
    expect(pulled).toMatchObject({ status: 200, isComplete: false });
  });

  test('limits the rate of a connection', async () => {
    const upstream = await startWithBlob({ bytesPerSecond: 1_000_000 });
    const pulled = await pull(upstream.url, blobPath);
    expect(pulled.digest).toBe(blob.digest);
    expect(pulled.totalMs).toBeGreaterThan(200);
  });

  test('refuses connections while down, and is back on its port', async () => {
    const upstream = await startWithBlob();
    await upstream.down();
    expect(await pull(upstream.url, '/v2/')).toMatchObject({ status: 0, error: 'ECONNREFUSED' });
    await upstream.up();
    expect(await pull(upstream.url, '/v2/')).toMatchObject({ status: 200 });
  });

  test('asks for tokens and tells private from public', async () => {
    const tokens = await startTokenServer({ login: 'someone:secret', privateRepositories: ['team/secret'] });
    ends.push(tokens.close);
    const upstream = await startWithBlob({ tokens });
    upstream.registry.addBlob('team/secret', blob);
    const refused = await pull(upstream.url, blobPath);
    expect(refused.status).toBe(401);
    expect(refused.headers['www-authenticate']).toBe(
      `Bearer realm="${tokens.realm}",service="scripted-registry",scope="repository:team/app:pull"`,
    );
    const askToken = async (repository: string, headers: Record<string, string> = {}): Promise<string> => {
      const answer = await pull(tokens.url, `/token?service=x&scope=repository:${repository}:pull`, { headers });
      return `Bearer ${String(jsonOf(answer)['token'])}`;
    };
    const statusWith = async (authorization: string, repository: string): Promise<number> =>
      (await pull(upstream.url, `/v2/${repository}/blobs/${blob.digest}`, { headers: { authorization } })).status;
    const basic = `Basic ${Buffer.from('someone:secret').toString('base64')}`;
    expect(await statusWith(await askToken('team/app'), 'team/app')).toBe(200);
    expect(await statusWith(await askToken('team/secret'), 'team/secret')).toBe(401);
    expect(await statusWith(await askToken('team/secret', { authorization: basic }), 'team/secret')).toBe(200);
    const token = await askToken('team/app');
    tokens.expireAll();
    expect(await statusWith(token, 'team/app')).toBe(401);
    expect((await pull(tokens.url, '/token?x', { headers: { authorization: 'Basic bad' } })).status).toBe(401);
  });

  test('sends blobs to a CDN that wants no credentials and forgets its addresses', async () => {
    const cdn = await startCdn();
    ends.push(cdn.close);
    const upstream = await startWithBlob({ cdn });
    const redirect = await pull(upstream.url, blobPath);
    expect(redirect.status).toBe(307);
    const { pathname, search } = new URL(redirect.headers['location'] ?? '');
    expect(await pull(cdn.url, pathname + search)).toMatchObject({ status: 200, digest: blob.digest });
    expect(await pull(cdn.url, pathname + search, { range: 'bytes=5-9' })).toMatchObject({ status: 206, bytes: 5 });
    expect(await pull(cdn.url, pathname + search, { headers: { authorization: 'x' } })).toMatchObject({ status: 400 });
    cdn.expireAll();
    expect(await pull(cdn.url, pathname + search)).toMatchObject({ status: 403 });
  });

  test('has a canary that tells of every connection', async () => {
    const canary = await startCanary();
    expect(canary.connections).toBe(0);
    await pull(canary.url, '/');
    expect(canary.connections).toBe(1);
    await canary.close();
  });
});
