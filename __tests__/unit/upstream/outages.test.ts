import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { createGate } from '../../support/gate.ts';
import { blobDigest, blobReply, blobText, createGuarded, grantToken, manifestReply, tag } from './answers.ts';
import { createFixture, readAll, type Fixture, type Reply } from './fixture.ts';

const ill: Reply = { status: 500 };

describe('an upstream that is away', () => {
  let fixture: Fixture;
  beforeEach(() => {
    fixture = createFixture();
  });
  afterEach(async () => {
    await fixture.close();
  });

  const serve = async (broken: (request: { target: string }) => Reply | undefined) => {
    const script = { broken };
    const server = await fixture.serve((request): Reply => {
      const reply = script.broken(request);
      if (reply !== undefined) return reply;
      if (request.target === '/v2/') return { status: 401 };
      return request.target.includes('/blobs/') ? blobReply(request) : manifestReply;
    });
    return { server, script, upstream: fixture.open(server.url) };
  };
  const reset: Reply = ({ socket }) => void socket.resetAndDestroy();
  const failures = async (count: number, ask: () => Promise<unknown>) => {
    for (let n = 0; n < count; n += 1) {
      await expect(ask()).rejects.toMatchObject({ kind: 'upstream-failed', isFinal: false });
    }
  };

  test.each<[string, Reply]>([
    ['500', ill],
    ['502', { status: 502 }],
    ['503 without Retry-After', { status: 503 }],
    ['504', { status: 504 }],
    ['resets', reset],
  ])('is asked nothing after 5 failures: %s', async (_how, reply) => {
    const { server, upstream } = await serve(() => reply);
    await failures(50, () => upstream.headManifest('a', tag));
    await failures(10, () => upstream.openBlob('a', blobDigest));
    await expect(upstream.getManifest('a', tag)).rejects.toMatchObject({ retryAfterMs: 2_000 });
    expect(server.requests).toHaveLength(5);
  });

  test('is seen to be back by a probe, and then asked again', async () => {
    const { server, script, upstream } = await serve(() => ill);
    await failures(10, () => upstream.headManifest('a', tag));
    script.broken = () => undefined;
    fixture.clock.advance(2_000);
    await server.until(() => server.requests.length === 6 && server.requests[5]?.isAnswered === true);
    expect(server.requests[5]).toMatchObject({ method: 'GET', target: '/v2/' });
    await server.until(() => upstream.status().urls[0]?.breakers[0]?.state === 'closed');
    await expect(upstream.headManifest('a', tag)).resolves.toBeDefined();
    expect(fixture.lines.join('\n')).toMatch(/only probed for now.*\n.*answers again/);
    expect(fixture.health.degraded).toEqual([]);
  });

  test('that refuses connections, and that has no address, is asked nothing after 5 failures', async () => {
    const { server, upstream } = await serve(() => undefined);
    await server.down();
    await failures(6, () => upstream.headManifest('a', tag));
    expect(fixture.requests).toHaveLength(5);
    let lookups = 0;
    const other = createFixture({
      lookup(_name, _options, callback) {
        lookups += 1;
        callback(Object.assign(new Error('getaddrinfo ENOTFOUND'), { code: 'ENOTFOUND' }), []);
      },
    });
    const nameless = other.open('http://registry.example.com');
    await failures(20, () => nameless.headManifest('a', tag));
    expect(lookups).toBe(5);
    await other.close();
  });

  test('that is silent is asked nothing after one request waited for 30 s', async () => {
    const gate = createGate();
    const server = await fixture.serve(async () => {
      await gate.pass();
      return manifestReply;
    });
    const upstream = fixture.open(server.url);
    const head = upstream.headManifest('a', tag);
    await gate.reached;
    fixture.clock.advance(30_000);
    await expect(head).rejects.toMatchObject({ kind: 'upstream-timeout' });
    await failures(5, () => upstream.headManifest('a', tag));
    expect(server.requests).toHaveLength(1);
    gate.open();
  });

  test('that is silent to blobs only, which may have waited for one of our own connections, is asked on', async () => {
    const gate = createGate();
    const server = await fixture.serve(async (request) => {
      if (request.target.includes('/blobs/')) await gate.pass();
      return manifestReply;
    });
    const upstream = fixture.open(server.url);
    const blob = upstream.openBlob('a', blobDigest);
    await gate.reached;
    fixture.clock.advance(30_000);
    await expect(blob).rejects.toMatchObject({ kind: 'upstream-timeout' });
    await expect(upstream.headManifest('a', tag)).resolves.toBeDefined();
    gate.open();
  });

  test('leaves its other URLs to be asked', async () => {
    const { server, upstream: alone } = await serve(() => ill);
    const second = await fixture.serve(() => manifestReply);
    const upstream = fixture.open([{ url: server.url, tags: true }, { url: second.url }]);
    for (let n = 0; n < 20; n += 1) await expect(upstream.getManifest('a', tag)).resolves.toBeDefined();
    expect([server.requests.length, second.requests.length]).toEqual([5, 20]);
    await expect(alone.headManifest('a', tag)).rejects.toBeDefined();
  });

  test('by its storage only is asked on', async () => {
    const cdn = await fixture.serve(() => ill);
    const registry = await fixture.serve(({ target }) =>
      target.includes('/blobs/') ? { status: 307, headers: { location: `${cdn.url}/x` } } : manifestReply,
    );
    const upstream = fixture.open(registry.url);
    await failures(20, () => upstream.openBlob('a', blobDigest));
    expect(registry.requests).toHaveLength(40);
    await expect(upstream.headManifest('a', tag)).resolves.toBeDefined();
    expect(upstream.status().urls[0]?.breakers).toMatchObject([{ state: 'closed' }]);
  });

  test('by its token service only still serves what has a token', async () => {
    let isDown = false;
    const auth = await fixture.serve((_request): Reply => (isDown ? ill : grantToken('token-1')));
    const registry = await fixture.serve(
      createGuarded({ challenge: () => `Bearer realm="${auth.url}/token?x=1",service="s"` }),
    );
    const upstream = fixture.open(registry.url);
    await upstream.headManifest('known', tag);
    isDown = true;
    await failures(20, () => upstream.headManifest('new', tag));
    await expect(upstream.headManifest('known', tag)).resolves.toBeDefined();
    expect(auth.requests).toHaveLength(6);
    expect(upstream.status().urls[0]?.breakers.map(({ state }) => state)).toEqual(['closed', 'open']);
    fixture.clock.advance(2_000);
    await auth.until(() => auth.requests.length === 7);
    expect(auth.requests[6]).toMatchObject({ method: 'GET', target: '/token' });
    expect(auth.requests[6]?.headers).not.toHaveProperty('authorization');
  });

  test.each([404, 403, 429, 501])('is not what %i means', async (status) => {
    const { server, upstream } = await serve(() => ({ status, headers: { 'retry-after': '0' } }));
    for (let n = 0; n < 10; n += 1) {
      await expect(upstream.headBlob('a', blobDigest)).rejects.toBeDefined();
      fixture.clock.advance(1_100);
    }
    expect(server.requests.length).toBeGreaterThanOrEqual(10);
    expect(upstream.status().urls[0]?.breakers).toMatchObject([{ state: 'closed' }]);
  });

  test('is not what it means that callers leave', async () => {
    const gate = createGate();
    const server = await fixture.serve(async () => {
      await gate.pass();
      return manifestReply;
    });
    const upstream = fixture.open(server.url);
    const leaver = new AbortController();
    const leaving = Array.from({ length: 10 }, () => upstream.openBlob('a', blobDigest, { signal: leaver.signal }));
    await gate.reached;
    leaver.abort();
    for (const left of leaving) await expect(left).rejects.toMatchObject({ kind: 'upstream-failed' });
    expect(upstream.status().urls[0]?.breakers).toMatchObject([{ state: 'closed' }]);
    gate.open();
  });

  test('every other time is not asked more than twice as often as its clients ask', async () => {
    let count = 0;
    const { server, upstream } = await serve(({ target }) => {
      count += 1;
      return target !== '/v2/' && count % 2 === 0 ? { status: 503 } : undefined;
    });
    const clientRequests = 200;
    for (let n = 0; n < clientRequests; n += 1) {
      await upstream.headManifest('a', tag).catch(() => undefined);
      const blob = await upstream.openBlob('a', blobDigest).catch(() => undefined);
      if (blob !== undefined) expect((await readAll(blob.body)).toString()).toBe(blobText);
      fixture.clock.advance(100);
    }
    expect(server.requests.length).toBeLessThanOrEqual(2 * 2 * clientRequests);
  });

  test('has no probe left when it is closed', async () => {
    const gate = createGate();
    const { server, script, upstream } = await serve(() => ill);
    await failures(5, () => upstream.headManifest('a', tag));
    script.broken = () => async () => await gate.pass();
    fixture.clock.advance(2_000);
    await gate.reached;
    await upstream.close();
    await server.until(() => server.connections.open === 0);
    gate.open();
  });
});
