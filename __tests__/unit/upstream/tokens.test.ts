import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { createGate } from '../../support/gate.ts';
import { blobDigest, createGuarded, grantToken, manifestReply, tag, type GuardedOptions } from './answers.ts';
import { createFixture, readAll, type Fixture } from './fixture.ts';

let fixture: Fixture;
beforeEach(() => {
  fixture = createFixture();
});
afterEach(async () => {
  await fixture.close();
});

const serve = async (options?: GuardedOptions) => {
  const server = await fixture.serve(createGuarded(options));
  const tokenTargets = () =>
    server.requests.map(({ target }) => target).filter((target) => target.startsWith('/token'));
  return {
    ...server,
    upstream: fixture.open(server.url),
    tokenTargets,
    get requests() {
      return server.requests;
    },
  };
};

describe('tokens', () => {
  test('are asked for with the service and our own scope, and sent with the next attempt', async () => {
    const { upstream, requests } = await serve();
    await upstream.headManifest('team/app', tag);
    expect(requests.map(({ method, target, headers }) => [method, target, headers['authorization']])).toEqual([
      ['HEAD', '/v2/team/app/manifests/latest', undefined],
      ['GET', '/token?service=registry.test&scope=repository%3Ateam%2Fapp%3Apull', undefined],
      ['HEAD', '/v2/team/app/manifests/latest', 'Bearer token-1'],
    ]);
  });

  test('are shared by 100 requests that find none', async () => {
    const gate = createGate();
    const { upstream, tokenTargets, requests, until } = await serve({
      async grant(_request, count) {
        await gate.pass();
        return grantToken(`token-${count}`);
      },
    });
    const heads = Array.from({ length: 100 }, () => upstream.headManifest('a', tag));
    await until(() => requests.filter(({ method, isAnswered }) => method === 'HEAD' && isAnswered).length === 100);
    gate.open();
    await Promise.all(heads);
    expect(tokenTargets()).toHaveLength(1);
  });

  test('are used again until 30 s before their end', async () => {
    const { upstream, tokenTargets } = await serve();
    await upstream.headManifest('a', tag);
    fixture.clock.advance(269_999);
    await upstream.headManifest('a', tag);
    expect(tokenTargets()).toHaveLength(1);
    fixture.clock.advance(1);
    await upstream.headManifest('a', tag);
    expect(tokenTargets()).toHaveLength(2);
  });

  test('of one repository are not used for another', async () => {
    const { upstream, tokenTargets } = await serve();
    await upstream.headManifest('a', tag);
    await upstream.headManifest('b', tag);
    expect(tokenTargets().map((target) => target.replace(/.*scope=/, ''))).toEqual([
      'repository%3Aa%3Apull',
      'repository%3Ab%3Apull',
    ]);
  });

  test('that end in the middle of a pull are renewed once, unseen', async () => {
    let valid = 'Bearer token-1';
    const { upstream, tokenTargets } = await serve({ isAllowed: (authorization) => authorization === valid });
    await upstream.headManifest('a', tag);
    valid = 'Bearer token-2';
    const blob = await upstream.openBlob('a', blobDigest);
    expect((await readAll(blob.body)).length).toBeGreaterThan(0);
    expect(tokenTargets()).toHaveLength(2);
  });

  test('that never suffice are asked for once: the repository is unknown', async () => {
    const { upstream, tokenTargets, requests } = await serve({ isAllowed: () => false });
    await expect(upstream.getManifest('a', tag)).rejects.toMatchObject({ kind: 'manifest-unknown', isFinal: true });
    await expect(upstream.headBlob('a', blobDigest)).rejects.toMatchObject({ kind: 'blob-unknown', isFinal: true });
    expect(tokenTargets()).toHaveLength(2);
    expect(requests).toHaveLength(6);
  });

  test('that the service denies to anybody mean unknown, not an outage', async () => {
    for (const status of [401, 403]) {
      const { upstream } = await serve({ grant: () => ({ status, body: '{"errors":[{"code":"DENIED"}]}' }) });
      await expect(upstream.headManifest('a', tag)).rejects.toMatchObject({ kind: 'manifest-unknown', isFinal: true });
    }
  });

  test.each([
    [500, {}, { kind: 'upstream-failed', isFinal: false }],
    [404, {}, { kind: 'upstream-failed', isFinal: false }],
    [429, { 'retry-after': '7' }, { kind: 'upstream-throttled', retryAfterMs: 7_000 }],
    [503, { 'retry-after': '7' }, { kind: 'upstream-failed', retryAfterMs: 7_000 }],
  ])('that the service fails to give, with %i, are an outage and not remembered', async (status, headers, expected) => {
    let isDown = true;
    const { upstream } = await serve({
      grant: (_request, count) => (isDown ? { status, headers } : grantToken(`token-${count}`)),
    });
    await expect(upstream.headManifest('a', tag)).rejects.toMatchObject(expected);
    isDown = false;
    fixture.clock.advance(7_001);
    await expect(upstream.headManifest('a', tag)).resolves.toMatchObject({ provenance: 'public' });
  });

  test('that never come are a timeout', async () => {
    const gate = createGate();
    const { upstream } = await serve({
      async grant() {
        await gate.pass();
        return grantToken('token-late');
      },
    });
    const head = upstream.headManifest('a', tag);
    await gate.reached;
    fixture.clock.advance(30_000);
    await expect(head).rejects.toMatchObject({ kind: 'upstream-timeout' });
    gate.open();
  });

  test.each([
    [{ expires_in: undefined }, 29_999, 1],
    [{ expires_in: undefined }, 30_000, 2],
    [{ expires_in: 0 }, 29_999, 1],
    [{ expires_in: -1 }, 30_000, 2],
    [{ expires_in: '300' }, 269_999, 1],
    [{ expires_in: '300' }, 270_000, 2],
    [{ expires_in: 1e18 }, 24 * 3_600_000 - 30_001, 1],
    [{ expires_in: 1e18 }, 24 * 3_600_000 - 30_000, 2],
    [{ expires_in: { years: 1 } }, 30_000, 2],
    [{ issued_at: '1970-01-01T00:00:00Z' }, 200_000, 1],
    [{ token: undefined, access_token: 'token-x' }, 200_000, 1],
  ])('with %j: %i ms later, requests in all: %i', async (more, laterMs, expected) => {
    const { upstream, tokenTargets } = await serve({ grant: () => grantToken('token-x', more) });
    await upstream.headManifest('a', tag);
    fixture.clock.advance(laterMs);
    await upstream.headManifest('a', tag);
    expect(tokenTargets()).toHaveLength(expected);
  });

  test.each(['{}', '[]', 'null', '<html>', '{"token":""}', '{"token":"a\\r\\nX: y"}', '{"token":7}'])(
    'cannot be read out of %p',
    async (body) => {
      const { upstream } = await serve({ grant: () => ({ status: 200, body }) });
      await expect(upstream.headManifest('a', tag)).rejects.toMatchObject({ kind: 'upstream-failed', isFinal: false });
    },
  );

  test('answers larger than 1 MiB are not read', async () => {
    const { upstream } = await serve({ grant: () => grantToken('token-1', { padding: 'x'.repeat(1024 * 1024) }) });
    await expect(upstream.headManifest('a', tag)).rejects.toMatchObject({ kind: 'content-mismatch' });
  });

  test('are never asked for with more than pull of this repository', async () => {
    const { upstream, tokenTargets } = await serve({
      challenge: ({ headers }) =>
        `Bearer realm="http://${headers['host'] ?? ''}/token",service="s",scope="repository:other/secret:pull,push repository:a:*"`,
    });
    await upstream.headManifest('a', tag);
    expect(tokenTargets()).toEqual(['/token?service=s&scope=repository%3Aa%3Apull']);
  });

  test('take a scope of another form as it is, and the realm for a missing service', async () => {
    const { upstream, tokenTargets } = await serve({
      challenge: ({ headers }) => `Bearer realm="http://${headers['host'] ?? ''}/token?x=1",scope="aws"`,
    });
    await upstream.headManifest('a', tag);
    await upstream.headManifest('b', tag);
    expect(tokenTargets()).toEqual(['/token?x=1&service=127.0.0.1&scope=aws']);
  });

  test('are found by the challenge seen before where a 401 has none', async () => {
    let hasChallenge = true;
    const bare = await fixture.serve(async (request) => {
      if (request.target.startsWith('/token')) return grantToken(`token-${request.target.length}`);
      if (request.headers['authorization'] !== undefined) return manifestReply;
      const headers = hasChallenge
        ? { 'www-authenticate': `Bearer realm="http://${request.headers['host'] ?? ''}/token"` }
        : {};
      return { status: 401, headers };
    });
    const upstream = fixture.open(bare.url);
    await upstream.headManifest('a', tag);
    hasChallenge = false;
    await expect(upstream.headManifest('bb', tag)).resolves.toMatchObject({ provenance: 'public' });
  });

  test('are still fetched for the others when the first caller leaves', async () => {
    const gate = createGate();
    const { upstream, tokenTargets } = await serve({
      async grant() {
        await gate.pass();
        return grantToken('token-1');
      },
    });
    const leaver = new AbortController();
    const first = upstream.openBlob('a', blobDigest, { signal: leaver.signal });
    await gate.reached;
    const second = upstream.openBlob('a', blobDigest);
    leaver.abort();
    await expect(first).rejects.toMatchObject({ kind: 'upstream-failed' });
    gate.open();
    await readAll((await second).body);
    expect(tokenTargets()).toHaveLength(1);
  });
});
