import { describe, expect, test } from '@jest/globals';
import type { Config } from '../../../src/config/config.ts';
import { loadConfig } from '../../../src/config/load.ts';
import { load, createDirectory } from './support.ts';

const nowhere = '/nowhere';

function loadDefaults(): Config {
  return loadConfig({ environment: {}, directory: nowhere });
}

describe('without a file', () => {
  test('Docker Hub is mirrored, with every default', () => {
    expect(loadDefaults()).toEqual({
      listen: [{ host: '127.0.0.1', port: 5000 }],
      publicUrl: undefined,
      instance: undefined,
      catalog: false,
      tls: undefined,
      clients: { allow: ['everybody'], trustedProxies: [], accounts: { file: undefined } },
      admin: {
        listen: [{ host: '127.0.0.1', port: 5080 }],
        hosts: [],
        tokenFile: undefined,
        createsToken: false,
        hasOpenMetrics: false,
        tls: undefined,
      },
      cache: {
        path: '/nowhere/data',
        maxSizeBytes: 50 * 2 ** 30,
        minFreeBytes: 2 ** 30,
        maxIdleMs: Infinity,
        pins: [],
        scrubEveryMs: 30 * 24 * 3_600_000,
        lockWaitMs: 0,
        freshness: defaultFreshness,
      },
      fill: {
        idleTimeoutMs: 15_000,
        resumeForMs: 60_000,
        maxConnections: 4,
        maxUpstreamConnections: 32,
        abandonedBytes: 10 * 2 ** 30,
        maxBlobSizeBytes: 100 * 2 ** 30,
        minRateBytesPerSecond: 10_000,
        maxFills: 1024,
        maxUpstreamFills: 512,
        maxWaiting: 1000,
      },
      prefetch: { images: [], platforms: undefined, everyMs: 3_600_000, isAtStart: true, onPull: 'off' },
      limits: {
        writeIdleMs: 120_000,
        drainMs: 60_000,
        drainDelayMs: 0,
        connectionsPerClient: undefined,
        requestsPerClient: undefined,
        burstPerClient: undefined,
      },
      log: { level: 'info' },
      upstreams: [
        {
          name: 'docker.io',
          aliases: ['index.docker.io', 'registry-1.docker.io'],
          virtualHosts: [],
          isDefault: true,
          urls: [{ url: 'https://registry-1.docker.io', login: undefined, authHosts: [], isTagSource: true }],
          sharesCredentials: false,
          access: 'shared',
          accessTtlMs: 60_000,
          repositoryPrefix: undefined,
          tls: { caFile: undefined, certFile: undefined, keyFile: undefined },
          proxyUrl: undefined,
          egressAllow: [],
          freshness: defaultFreshness,
          rateLimitReserve: undefined,
          allow: undefined,
          deny: [],
          tagPolicies: [],
        },
      ],
    });
  });

  test.each(['', '# nothing\n', '{}', 'cache:\n# path: x\n', 'upstreams:\n'])('%j means the same', (yaml) => {
    const { cache, ...config } = load({ yaml });
    const { cache: defaultCache, ...defaults } = loadDefaults();
    expect(config).toEqual(defaults);
    expect({ ...cache, path: '' }).toEqual({ ...defaultCache, path: '' });
  });
});

const defaultFreshness = {
  tagTtlMs: 300_000,
  staleWhileRevalidateMs: 0,
  staleIfErrorMs: 2_592_000_000,
  negativeTtlMs: 10_000,
  listTtlMs: 60_000,
  checkTimeoutMs: 2000,
};

test('the configuration is frozen all through', () => {
  const config = load({ yaml: 'upstreams: [{ name: ghcr.io, egress: { allow: [10.0.0.0/8] } }]' });
  const parts: unknown[] = [config];
  for (const part of parts) {
    if (typeof part !== 'object' || part === null) continue;
    expect(Object.isFrozen(part)).toBe(true);
    for (const below of Object.values(part) as unknown[]) parts.push(below);
  }
});

test('a file that is named is read from the working directory on', () => {
  const directory = createDirectory({ 'etc/other.yaml': 'catalog: true\ncache: { path: content }' });
  const config = loadConfig({ file: 'etc/other.yaml', environment: {}, directory: directory.path });
  directory.remove();
  expect(config.catalog).toBe(true);
  expect(config.cache.path).toBe(`${directory.path}/content`);
});

test('listeners can be several', () => {
  expect(load({ yaml: 'listen: [127.0.0.1:5000, "[::1]:5000"]' }).listen).toEqual([
    { host: '127.0.0.1', port: 5000 },
    { host: '::1', port: 5000 },
  ]);
});

describe('upstreams', () => {
  test('only need a name', () => {
    const [upstream] = load({ yaml: 'upstreams: [{ name: ghcr.io }]' }).upstreams;
    expect(upstream).toMatchObject({ name: 'ghcr.io', aliases: [], isDefault: true });
    expect(upstream?.urls.map(({ url }) => url)).toEqual(['https://ghcr.io']);
  });

  test.each([
    ['[{ name: a.io }, { name: docker.io }, { name: b.io }]', 'docker.io'],
    ['[{ name: a.io }, { name: docker.io }, { name: b.io, default: true }]', 'b.io'],
    ['[{ name: a.io }, { name: b.io }]', 'a.io'],
  ])('of %s, %s is the default', (upstreams, expected) => {
    const marked = load({ yaml: `upstreams: ${upstreams}` }).upstreams.filter(({ isDefault }) => isDefault);
    expect(marked.map(({ name }) => name)).toEqual([expected]);
  });

  test('override what holds for all', () => {
    const { upstreams, cache } = load({
      yaml: `
        cache: { tagTtl: 1h, staleIfError: forever }
        egress: { allow: [10.0.0.0/8] }
        upstreams:
          - { name: a.io, tagTtl: 1m, checkTimeout: 5s, egress: { allow: [192.168.0.1] } }
          - { name: b.io }`,
    });
    expect(cache.freshness).toEqual({ ...defaultFreshness, tagTtlMs: 3_600_000, staleIfErrorMs: Infinity });
    expect(upstreams[0]?.freshness).toEqual({ ...cache.freshness, tagTtlMs: 60_000, checkTimeoutMs: 5000 });
    expect(upstreams[1]?.freshness).toEqual(cache.freshness);
    expect(upstreams.map(({ egressAllow }) => egressAllow)).toEqual([['10.0.0.0/8', '192.168.0.1'], ['10.0.0.0/8']]);
  });

  test('override every key about time', () => {
    const [upstream] = load({
      yaml: `
        upstreams:
          - { name: a.io, tagTtl: 1ms, staleWhileRevalidate: 2ms, staleIfError: forever, negativeTtl: 4ms, listTtl: 5ms, checkTimeout: 6ms }`,
    }).upstreams;
    expect(upstream?.freshness).toEqual({
      tagTtlMs: 1,
      staleWhileRevalidateMs: 2,
      staleIfErrorMs: Infinity,
      negativeTtlMs: 4,
      listTtlMs: 5,
      checkTimeoutMs: 6,
    });
  });

  test('have policies for tags, in their order, also from the environment', () => {
    const [first, second] = load({
      yaml: `
        upstreams:
          - { name: a.io, rateLimitReserve: 0, tags: [{ match: v*.*.*, immutable: true }, { match: "*", ttl: 0 }] }
          - { name: b.io }`,
      environment: { STOWAGE__UPSTREAMS__1__TAGS__0__MATCH: 'v*', STOWAGE__UPSTREAMS__1__TAGS__0__TTL: '1h' },
    }).upstreams;
    expect(first?.tagPolicies).toEqual([
      { match: 'v*.*.*', ttlMs: Infinity },
      { match: '*', ttlMs: 0 },
    ]);
    expect([first, second].map((upstream) => upstream?.rateLimitReserve)).toEqual([0, undefined]);
    expect(second?.tagPolicies).toEqual([{ match: 'v*', ttlMs: 3_600_000 }]);
  });

  test('have a login by reference', () => {
    const { upstreams } = load({
      yaml: `
        upstreams:
          - { name: a.io, username: me, passwordEnv: A_PASSWORD, authHosts: [Auth.a.io] }
          - { name: b.io, username: me, passwordFile: /dev/../etc/passwd, shareCredentials: true }`,
      environment: { A_PASSWORD: 'geheim' },
    });
    expect(upstreams[0]?.urls).toEqual([
      {
        url: 'https://a.io',
        login: { username: 'me', password: { type: 'environment', variable: 'A_PASSWORD' } },
        authHosts: ['auth.a.io'],
        isTagSource: true,
      },
    ]);
    expect(upstreams[1]?.urls[0]?.login).toMatchObject({ password: { type: 'file', path: '/etc/passwd' } });
    expect(upstreams[1]?.sharesCredentials).toBe(true);
    expect(JSON.stringify(upstreams)).not.toContain('geheim');
  });

  test('have several URLs, of which the last is believed about tags, and those that say so', () => {
    const urls = '[{ url: "http://near:5000/" }, { url: "http://own:5000", tags: true }, { url: "https://A.io:443" }]';
    const [upstream] = load({ yaml: `upstreams: [{ name: a.io, urls: ${urls} }]` }).upstreams;
    expect(upstream?.urls.map(({ url, isTagSource }) => [url, isTagSource])).toEqual([
      ['http://near:5000', false],
      ['http://own:5000', true],
      ['https://a.io', true],
    ]);
  });

  test('may have a path, which comes before /v2', () => {
    const [upstream] = load({ yaml: 'upstreams: [{ name: a.io, url: "https://a.io/api/docker/hub/" }]' }).upstreams;
    expect(upstream?.urls[0]?.url).toBe('https://a.io/api/docker/hub');
  });
});
