// Story: upstream is away or silent; what is cached is served, and says so.
import { describe, expect, test } from '@jest/globals';
import type { Fault } from '../support/fault.ts';
import { mainName, setStage } from '../support/flow.ts';
import { createGate } from '../support/gate.ts';
import { readMetric } from '../support/metrics.ts';
import { pull, type Pulled } from '../support/raw-client.ts';
import { pollUntil } from '../support/signal.ts';
import { expectFailure, expectStale, path, setUpWarm, unseen } from '../support/warm.ts';

const stage = setStage();

const outages: readonly (readonly [string, Fault])[] = [
  ['resets connections', { refuse: 'RST' }],
  ['ends connections', { refuse: 'FIN' }],
  ['answers 500', { status: 500, body: 'oops' }],
  ['answers 502 with a web page', { status: 502, body: '<html>', headers: { 'content-type': 'text/html' } }],
  ['answers 503', { status: 503, body: '{}' }],
  ['answers 503 with Retry-After', { status: 503, body: '{}', headers: { 'retry-after': '1' } }],
  ['answers 504', { status: 504, body: '{}' }],
  ['talks nonsense', { raw: 'SSH-2.0-OpenSSH_9.2\r\n' }],
];

/** One upstream for each of them behind one mirror, with an image in the cache. */
async function setUpOutages() {
  const main = await stage.upstream();
  const cases = await Promise.all(
    outages.map(async ([what, fault], n) => {
      const tokens = await stage.tokens({ lifetimeS: 600 });
      const upstream = await stage.upstream({ tokens });
      const image = upstream.registry.addImage('team/app', 'latest', [`layer ${n}`]);
      return { what, fault, upstream, tokens, image, name: `case-${n}.test` };
    }),
  );
  const entries = cases.map(({ upstream, name }) => ({ upstream, name, tagTtl: '1ms' }));
  const mirror = await stage.mirror([{ upstream: main, name: mainName }, ...entries]);
  const all = cases.map((one) => ({
    ...one,
    layer: `/v2/team/app/blobs/${one.image.layers[0]?.digest}`,
    ask: (target = path): Promise<Pulled> => pull(mirror.address, `${target}?ns=${one.name}`),
  }));
  for (const { ask, layer, upstream, tokens } of all) {
    expect([(await ask()).status, (await ask(layer)).status]).toEqual([200, 200]);
    upstream.reset();
    tokens.reset();
  }
  await pollUntil(async () => (await readMetric(mirror.adminAddress, 'stowage_fills_running')) === 0);
  return { mirror, all };
}

describe('an upstream', () => {
  test('that is out of order in any way costs a warm tag its freshness, and what has a digest nothing', async () => {
    const { mirror, all } = await setUpOutages();
    const broken = all.map(({ upstream, fault }) => upstream.always({}, fault));
    for (const { what, ask, layer, image, upstream, tokens } of all) {
      for (const target of [layer, `/v2/team/app/manifests/${image.digest}`]) {
        const pulled = await ask(target);
        expect([what, pulled.status, pulled.headers['cache-status']]).toEqual([what, 200, 'stowage; hit']);
      }
      expect([what, upstream.requests.length, tokens.requests.length]).toEqual([what, 0, 0]);
      for (let n = 0; n < 8; n++) expectStale(await ask(), image.digest);
      expectFailure(await ask(unseen));
    }
    await pollUntil(() => mirror.output.match(/"outcome":"stale"/g)?.length === 8 * all.length);
    for (const rule of broken) rule.remove();
    await Promise.all(
      all.map(async ({ upstream, ask }, n) => {
        const moved = upstream.registry.addImage('team/app', 'latest', [`another layer ${n}`]);
        await pollUntil(async () => (await ask()).digest === moved.digest);
      }),
    );
  });

  test('that is dead is left to one probe at a time, and is seen when it is back', async () => {
    const { upstream, image, mirror, layer, ask, untilSeen } = await setUpWarm(stage);
    await upstream.down();
    for (let n = 0; n < 8; n++) expectStale(await ask(), image.digest);
    expect((await ask(layer)).status).toBe(200);
    expect(await readMetric(mirror.adminAddress, 'stowage_upstream_breaker_open')).toBe(1);
    expect((await pull(mirror.adminAddress, '/readyz')).status).toBe(200);
    await upstream.up();
    const moved = upstream.registry.addImage('team/app', 'latest', ['another layer']);
    await untilSeen(moved.digest);
    expect(await readMetric(mirror.adminAddress, 'stowage_upstream_breaker_open')).toBe(0);
  });

  test('that is away for too long makes the cache too old', async () => {
    const { upstream, ask } = await setUpWarm(stage, { entry: { staleIfError: '1ms' } });
    await upstream.down();
    await pollUntil(async () => (await ask()).status !== 200);
    expectFailure(await ask());
  });
});

describe('an upstream that accepts and never answers', () => {
  test('is not waited for longer than the check may take', async () => {
    const { upstream, image, ask } = await setUpWarm(stage, { entry: { checkTimeout: '100ms' } });
    const gate = createGate();
    upstream.always({ path: '/manifests/latest' }, { hold: gate });
    const storm = await Promise.all(Array.from({ length: 20 }, () => ask()));
    for (const pulled of [...storm, await ask()]) expectStale(pulled, image.digest);
    expect(upstream.requests).toHaveLength(1);
    gate.open();
  });

  test('neither is its token service', async () => {
    const { tokens, upstream, image, ask } = await setUpWarm(stage, {
      entry: { checkTimeout: '100ms' },
      tokens: { lifetimeS: 60 },
    });
    const gate = createGate();
    tokens?.expireAll();
    tokens?.always({}, { hold: gate });
    expectStale(await ask(), image.digest);
    expectStale(await ask(), image.digest);
    expect(tokens?.requests).toHaveLength(1);
    gate.open();
    await pollUntil(() => upstream.requests.every((request) => request.isAnswered));
  });
});

describe('a check in the background', () => {
  const entry = { staleWhileRevalidate: '1h' };

  test('is one for any number of pulls, none of which waits for it', async () => {
    const { upstream, image, ask } = await setUpWarm(stage, { entry });
    const gate = createGate();
    upstream.once({ method: 'HEAD' }, { hold: gate });
    const moved = upstream.registry.addImage('team/app', 'latest', ['another layer']);
    for (let n = 0; n < 10; n++) expectStale(await ask(), image.digest);
    await gate.reached;
    expect(upstream.find({ path })).toHaveLength(1);
    gate.open();
    await pollUntil(async () => (await ask()).digest === moved.digest);
  });

  test.each(['FIN', 'RST'] as const)('that ends by %s leaves the old answer, and is made again', async (refuse) => {
    const { upstream, image, ask } = await setUpWarm(stage, { entry });
    const broken = upstream.always({}, { refuse });
    await pollUntil(async () => {
      expectStale(await ask(), image.digest);
      return upstream.find({ method: 'HEAD', path }).length >= 2;
    });
    broken.remove();
    const moved = upstream.registry.addImage('team/app', 'latest', ['another layer']);
    await pollUntil(async () => (await ask()).digest === moved.digest);
  });
});
