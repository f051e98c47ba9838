// Story: upstream is away, silent, or has enough of us; what is cached is served, and says so.
import { describe, expect, test } from '@jest/globals';
import { expectError } from '../support/expectations.ts';
import { mainName, setStage } from '../support/flow.ts';
import { createGate } from '../support/gate.ts';
import { pull, type Pulled } from '../support/raw-client.ts';
import { pollUntil } from '../support/signal.ts';

const stage = setStage();
const path = '/v2/team/app/manifests/latest';
const unseen = '/v2/team/app/manifests/unseen';

async function setUpWarm(more: Readonly<Record<string, unknown>> = {}, withTokens = false) {
  const tokens = withTokens ? await stage.tokens({ lifetimeS: 60 }) : undefined;
  const upstream = await stage.upstream(tokens === undefined ? {} : { tokens });
  const image = upstream.registry.addImage('team/app', 'latest', ['layer']);
  const mirror = await stage.mirror([{ upstream, name: mainName, tagTtl: '1ms', ...more }]);
  expect((await pull(mirror.address, path)).digest).toBe(image.digest);
  const layer = `/v2/team/app/blobs/${image.layers[0]?.digest}`;
  expect((await pull(mirror.address, layer)).status).toBe(200);
  upstream.reset();
  return { tokens, upstream, image, mirror, layer };
}

function expectStale(pulled: Pulled, digest: string): void {
  expect(pulled).toMatchObject({ status: 200, digest, isComplete: true });
  expect(pulled.headers['cache-status']).toBe('stowage; hit; detail=stale');
  expect(pulled.headers['warning']).toMatch(/^299 - ".+"$/);
  expect(pulled.headers['age']).toMatch(/^\d+$/);
}

describe('an upstream that is dead', () => {
  test('costs warm tags nothing but their freshness, also after a restart', async () => {
    const { upstream, image, mirror, layer } = await setUpWarm();
    await upstream.down();
    for (let n = 0; n < 3; n++) expectStale(await pull(mirror.address, path), image.digest);
    expect((await pull(mirror.address, layer)).status).toBe(200);
    await mirror.terminate();
    await mirror.start();
    expectStale(await pull(mirror.address, path), image.digest);
    expect((await pull(mirror.address, layer)).status).toBe(200);
    const failed = await pull(mirror.address, unseen);
    expect([502, 503, 504]).toContain(failed.status);
    expect(failed.headers['retry-after']).toBeDefined();
    expect((await pull(mirror.adminAddress, '/readyz')).status).toBe(200);
  });

  test('is followed again when it is back', async () => {
    const { upstream, image, mirror } = await setUpWarm();
    await upstream.down();
    expectStale(await pull(mirror.address, path), image.digest);
    await upstream.up();
    const moved = upstream.registry.addImage('team/app', 'latest', ['another layer']);
    let last: Pulled | undefined;
    await pollUntil(async () => {
      last = await pull(mirror.address, path);
      expect(last.status).toBe(200);
      return last.digest === moved.digest;
    });
    expect(last?.headers['warning']).toBeUndefined();
  });

  test('is bounded: too old is too old', async () => {
    const { upstream, mirror } = await setUpWarm({ staleIfError: '1ms' });
    await upstream.down();
    await pollUntil(async () => [502, 503, 504].includes((await pull(mirror.address, path)).status));
  });
});

describe('an upstream that accepts and never answers', () => {
  test('is not waited for longer than the check may take', async () => {
    const { upstream, image, mirror } = await setUpWarm({ checkTimeout: '100ms' });
    const gate = createGate();
    upstream.always({ path: '/manifests/latest' }, { hold: gate });
    expectStale(await pull(mirror.address, path), image.digest);
    expectStale(await pull(mirror.address, path), image.digest);
    gate.open();
  });

  test('neither is its token service', async () => {
    const { tokens, upstream, image, mirror } = await setUpWarm({ checkTimeout: '100ms' }, true);
    const gate = createGate();
    tokens?.expireAll();
    tokens?.always({}, { hold: gate });
    expectStale(await pull(mirror.address, path), image.digest);
    expectStale(await pull(mirror.address, path), image.digest);
    expect(tokens?.requests).toHaveLength(2);
    gate.open();
    await pollUntil(() => upstream.requests.every((request) => request.isAnswered));
  });

  test('of two answers to one tag the later question counts, when the first comes after all', async () => {
    const { upstream, image, mirror } = await setUpWarm({ checkTimeout: '100ms' });
    const gate = createGate();
    upstream.once({ method: 'HEAD' }, { hold: gate });
    expectStale(await pull(mirror.address, path), image.digest);
    const moved = upstream.registry.addImage('team/app', 'latest', ['another layer']);
    gate.open();
    await pollUntil(async () => (await pull(mirror.address, path)).digest === moved.digest);
  });
});

describe('a tag that upstream has deleted', () => {
  test('is gone when its time is over, and an outage does not bring it back', async () => {
    const { upstream, image, mirror } = await setUpWarm();
    upstream.registry.removeTag('team/app', 'latest');
    expectError(await pull(mirror.address, path), 404, 'MANIFEST_UNKNOWN');
    await upstream.down();
    expect((await pull(mirror.address, path)).status).not.toBe(200);
    expect((await pull(mirror.address, `/v2/team/app/manifests/${image.digest}`)).status).toBe(200);
  });
});

describe('a tag that does not exist', () => {
  test('is looked up once in five pulls', async () => {
    const { upstream, mirror } = await setUpWarm();
    for (let n = 0; n < 5; n++) expectError(await pull(mirror.address, unseen), 404, 'MANIFEST_UNKNOWN');
    expect(upstream.requests).toHaveLength(1);
  });

  test('is looked up once too where absent and private look alike, as on Docker Hub', async () => {
    const tokens = await stage.tokens({ privateRepositories: ['team/hidden'] });
    const upstream = await stage.upstream({ tokens });
    const mirror = await stage.mirror([{ upstream, name: mainName }]);
    const hidden = '/v2/team/hidden/manifests/latest';
    for (let n = 0; n < 5; n++) expectError(await pull(mirror.address, hidden), 404, 'MANIFEST_UNKNOWN');
    // Without a token, with a token that does not reach so far.
    expect(upstream.requests).toHaveLength(2);
    expect(tokens.requests).toHaveLength(1);
  });
});

describe('a tag that never moves by policy', () => {
  test('is not asked for again, though others are', async () => {
    const upstream = await stage.upstream();
    const image = upstream.registry.addImage('team/app', 'v1.2.3', ['layer']);
    upstream.registry.setTag('team/app', 'latest', image.digest);
    const tags = [{ match: 'v*.*.*', immutable: true }];
    const mirror = await stage.mirror([{ upstream, name: mainName, tagTtl: '1ms', tags }]);
    for (const target of [path, '/v2/team/app/manifests/v1.2.3']) await pull(mirror.address, target);
    upstream.reset();
    expect((await pull(mirror.address, path)).headers['cache-status']).toBe('stowage; hit; detail=revalidated');
    expect((await pull(mirror.address, '/v2/team/app/manifests/v1.2.3')).headers['cache-status']).toBe('stowage; hit');
    expect(upstream.requests).toHaveLength(1);
  });
});

describe('an upstream that limits our requests', () => {
  test('is left alone; what is cached is served, the rest is told when to come again', async () => {
    const { upstream, image, mirror } = await setUpWarm();
    upstream.always({}, { status: 429, body: 'slow down', headers: { 'retry-after': '5' } });
    expectStale(await pull(mirror.address, path), image.digest);
    const refused = await pull(mirror.address, unseen);
    expectError(refused, 429, 'TOOMANYREQUESTS');
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
    for (let n = 0; n < 5; n++) {
      expectStale(await pull(mirror.address, path), image.digest);
      expectError(await pull(mirror.address, unseen), 429, 'TOOMANYREQUESTS');
    }
    expect(upstream.requests.length).toBeLessThanOrEqual(2);
  });
});

describe('our own login that has expired', () => {
  const login = { username: 'someone', passwordEnv: 'PLANTED' };

  test('costs nobody what everybody may have, and health says it', async () => {
    const tokens = await stage.tokens({ login: 'someone:new-password', privateRepositories: ['team/private'] });
    const upstream = await stage.upstream({ tokens });
    const image = upstream.registry.addImage('team/app', 'latest', ['layer']);
    upstream.registry.setTag('team/app', 'unseen', image.digest);
    upstream.registry.addImage('team/private', 'latest', ['private layer']);
    const entry = { shareCredentials: true, ...login, authHosts: [`127.0.0.1:${tokens.port}`], tagTtl: '1ms' };
    const mirror = await stage.mirror([{ upstream, name: mainName, ...entry }], {}, { PLANTED: 'planted-password' });
    for (const target of [path, unseen, path]) {
      expect(await pull(mirror.address, target)).toMatchObject({ status: 200, digest: image.digest });
    }
    expectError(await pull(mirror.address, '/v2/team/private/manifests/latest'), 503, 'UNAVAILABLE');
    const { body } = await pull(mirror.adminAddress, '/readyz');
    expect(body.toString()).toMatch(/credentials of registry\.test rejected/);
  });
});
