import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { createMetrics } from '../../../src/telemetry/create-metrics.ts';
import { parseQuota, RateBudget } from '../../../src/upstream/rate-budget.ts';
import { createUpstreams } from '../../../src/upstream/upstreams.ts';
import { createGuarded, grantToken, manifestReply, tag } from './answers.ts';
import { createFixture, createManualClock, type Fixture, type Reply } from './fixture.ts';

describe('a quota', () => {
  test.each([
    ['76;w=21600', { count: 76, windowSeconds: 21_600 }],
    [' 100 ; w = 60 ', { count: 100, windowSeconds: 60 }],
    ['76', { count: 76, windowSeconds: undefined }],
    ['76;w=21600;x=y', { count: 76, windowSeconds: 21_600 }],
    ['76, 10;w=1', { count: 76, windowSeconds: undefined }],
    ['-1', undefined],
    ['many', undefined],
    ['', undefined],
    [undefined, undefined],
  ])('of %p is %j', (header, expected) => {
    expect(parseQuota(header)).toEqual(expected);
  });

  test('of any text is a count or none', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (header) => {
        expect(Number.isSafeInteger(parseQuota(header)?.count ?? 0)).toBe(true);
      }),
    );
  });
});

describe('a reserve', () => {
  const create = (remaining: string, limit: string | undefined, reserve?: number) => {
    const clock = createManualClock();
    const budget = new RateBudget({ clock, reserve });
    budget.read('anonymous', { 'ratelimit-remaining': remaining, ...(limit && { 'ratelimit-limit': limit }) });
    return { clock, budget };
  };

  test.each([
    ['11', '100', undefined, true],
    ['10', '100', undefined, false],
    ['6', '20', undefined, true],
    ['5', '20', undefined, false],
    ['5', undefined, undefined, false],
    ['1', '100', 0, true],
    ['0', '100', 0, false],
    ['50', '100', 50, false],
  ])('with %s of %s left, and %p kept: may be spent: %p', (remaining, limit, reserve, isFree) => {
    const { budget } = create(remaining, limit, reserve);
    expect(budget.findWaitMs('anonymous') === undefined).toBe(isFree);
    expect(budget.findWaitMs('login')).toBeUndefined();
  });

  test('counts what is under way', () => {
    const { budget } = create('12', '100');
    const first = budget.spend('anonymous');
    const second = budget.spend('anonymous');
    expect(budget.findWaitMs('anonymous')).toBeDefined();
    first.end();
    second.end();
    expect(budget.findWaitMs('anonymous')).toBeUndefined();
  });

  test.each([
    ['3;w=60', 60_000],
    ['3;w=21600', 3_600_000],
    ['3', 3_600_000],
  ])('out of %s is believed for %i ms', (remaining, leftMs) => {
    const { budget, clock } = create(remaining, '100;w=21600');
    const waitMs = remaining === '3' ? 3_600_000 : leftMs;
    expect(budget.findWaitMs('anonymous')).toBe(waitMs);
    clock.advance(waitMs);
    expect([budget.findWaitMs('anonymous'), budget.find('anonymous')]).toEqual([undefined, undefined]);
  });
});

describe('the limit of an upstream', () => {
  let fixture: Fixture;
  beforeEach(() => {
    fixture = createFixture();
  });
  afterEach(async () => {
    await fixture.close();
  });

  const limits = (remaining: number, limit = 100) => ({
    'ratelimit-limit': `${limit};w=21600`,
    'ratelimit-remaining': `${remaining};w=21600`,
  });
  const withLimits = (reply: Reply, headers: Readonly<Record<string, string>>): Reply =>
    typeof reply === 'function' ? reply : { ...reply, headers: { ...reply.headers, ...headers } };

  test('is read from HEAD and GET of manifests, and shown', async () => {
    let remaining = 76;
    const server = await fixture.serve(() => withLimits(manifestReply, limits(remaining)));
    const upstream = fixture.open(server.url);
    await upstream.headManifest('a', tag);
    const expected = { account: 'anonymous', limit: 100, windowSeconds: 21_600, readAtMs: Date.UTC(2026, 0, 1) };
    expect(upstream.status().urls[0]?.rateLimits).toEqual([{ ...expected, remaining: 76 }]);
    remaining = 75;
    await upstream.getManifest('a', tag);
    expect(upstream.status().urls[0]?.spendable).toEqual({ ...expected, remaining: 75 });
  });

  test('below the reserve is spent only on what the cache lacks', async () => {
    const server = await fixture.serve(() => withLimits(manifestReply, limits(10)));
    const upstream = fixture.open(server.url);
    await upstream.headManifest('a', tag, { isOptional: true });
    const refused = { kind: 'upstream-throttled', isFinal: false, retryAfterMs: 3_600_000 };
    await expect(upstream.getManifest('a', tag, { isOptional: true })).rejects.toMatchObject(refused);
    await expect(upstream.findChangedManifest('a', tag, '"x"', { isOptional: true })).rejects.toMatchObject(refused);
    await expect(upstream.headManifest('a', tag, { isOptional: true })).resolves.toBeDefined();
    expect(server.requests.map(({ method }) => method)).toEqual(['HEAD', 'HEAD']);
    await expect(upstream.getManifest('a', tag)).resolves.toBeDefined();
  });

  test('below a configured reserve is kept as well', async () => {
    const server = await fixture.serve(() => withLimits(manifestReply, limits(60)));
    const upstream = fixture.open(server.url, { rateLimitReserve: 60 });
    await upstream.headManifest('a', tag);
    await expect(upstream.getManifest('a', tag, { isOptional: true })).rejects.toMatchObject({
      kind: 'upstream-throttled',
    });
  });

  test('is not spent by a HEAD that has to become a GET either', async () => {
    const server = await fixture.serve(({ method }) =>
      withLimits(method === 'HEAD' ? { status: 405 } : manifestReply, limits(3)),
    );
    const upstream = fixture.open(server.url);
    await expect(upstream.headManifest('a', tag, { isOptional: true })).rejects.toMatchObject({
      kind: 'upstream-throttled',
    });
    await expect(upstream.headManifest('a', tag)).resolves.toBeDefined();
    expect(server.requests.map(({ method }) => method)).toEqual(['HEAD', 'HEAD', 'GET']);
  });

  test('is one for the account, and another for everybody', async () => {
    const login = { username: 'robot', password: { password: 'secret' } };
    const server = await fixture.serve(
      createGuarded({
        grant: ({ headers }) => grantToken(headers['authorization'] === undefined ? 'token-anybody' : 'token-robot'),
        content: ({ headers }) =>
          withLimits(manifestReply, headers['authorization'] === 'Bearer token-robot' ? limits(150, 200) : limits(2)),
      }),
    );
    const upstream = fixture.open({ url: server.url, login });
    await upstream.getManifest('a', tag, { isOptional: true });
    await expect(upstream.getManifest('a', tag, { isOptional: true })).resolves.toBeDefined();
    const { rateLimits, spendable } = upstream.status().urls[0] ?? {};
    expect(rateLimits).toMatchObject([
      { account: 'anonymous', remaining: 2 },
      { account: 'login', remaining: 150 },
    ]);
    expect(spendable).toMatchObject({ account: 'login', limit: 200 });
  });

  test('is a series of its own, beside those of pauses and breakers', async () => {
    const meter = createMetrics({ withProcess: false });
    const own = createFixture({ meter });
    const hub = await own.serve(({ target }) =>
      target.includes('/blobs/')
        ? { status: 429 }
        : withLimits(manifestReply, target.includes('/more/') ? limits(90) : limits(76)),
    );
    const away = await own.serve(() => ({ status: 500 }));
    const shared = { shareCredentials: false, egressAllow: [] };
    const upstreams = createUpstreams(
      [
        { name: 'docker.io', urls: [{ url: hub.url }], ...shared },
        { name: 'quay.io', urls: [{ url: away.url }], ...shared },
      ],
      own.context,
    );
    const series = async () =>
      (await meter.render()).split('\n').filter((line) => /^stowage_upstream_(?:b|p|rate)/.test(line));
    expect(await series()).not.toContainEqual(expect.stringContaining('ratelimit'));
    await upstreams.find('docker.io')?.headManifest('a', tag);
    await upstreams
      .find('docker.io')
      ?.headBlob('a', `sha256:${'0'.repeat(64)}` as never)
      .catch(() => undefined);
    for (let n = 0; n < 5; n += 1)
      await upstreams
        .find('quay.io')
        ?.headManifest('a', tag)
        .catch(() => undefined);
    expect(await series()).toEqual([
      'stowage_upstream_breaker_open{upstream="docker.io"} 0',
      'stowage_upstream_breaker_open{upstream="quay.io"} 1',
      'stowage_upstream_paused{upstream="docker.io",class="manifests"} 0',
      'stowage_upstream_paused{upstream="docker.io",class="blobs"} 1',
      'stowage_upstream_paused{upstream="docker.io",class="tokens"} 0',
      'stowage_upstream_paused{upstream="quay.io",class="manifests"} 0',
      'stowage_upstream_paused{upstream="quay.io",class="blobs"} 0',
      'stowage_upstream_paused{upstream="quay.io",class="tokens"} 0',
      'stowage_upstream_ratelimit_remaining{upstream="docker.io"} 76',
      'stowage_upstream_ratelimit_limit{upstream="docker.io"} 100',
    ]);
    expect(upstreams.status().map(({ name, urls }) => [name, urls[0]?.host])).toEqual([
      ['docker.io', `127.0.0.1:${hub.port}`],
      ['quay.io', `127.0.0.1:${away.port}`],
    ]);
    await upstreams.close();
    await own.close();
  });
});
