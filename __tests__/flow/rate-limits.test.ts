// Story: upstream has enough of us; it is left alone for a while, and clients hear when to come again.
import { describe, expect, test } from '@jest/globals';
import { expectError, expectWhole } from '../support/expectations.ts';
import { mainName, setStage } from '../support/flow.ts';
import { createSeededContent } from '../support/content.ts';
import { createGate } from '../support/gate.ts';
import { readMetric } from '../support/metrics.ts';
import { pull, startPull, type Pulled } from '../support/raw-client.ts';
import { blobGets } from '../support/scripted-upstream.ts';
import { pollUntil } from '../support/signal.ts';
import { expectFailure, expectStale, path, setUpWarm, unseen } from '../support/warm.ts';

const stage = setStage();
const day = 86_400;
type Headers = Readonly<Record<string, string>>;

/** What registries send with a 429, and the least and the most that may come of it, in seconds. */
const patience: readonly (readonly [string, () => Headers, number, number])[] = [
  ['in seconds', () => ({ 'retry-after': '30' }), 20, 40],
  ['as a date', () => ({ 'retry-after': new Date(Date.now() + 60_000).toUTCString() }), 40, 80],
  ['as a Unix time', () => ({ 'x-retry-after': String(Math.round(Date.now() / 1000) + 60) }), 40, 80],
  ['as nothing', () => ({}), 1, 15],
  ['as a day', () => ({ 'retry-after': String(day) }), 60, 3600],
  ['as a date of 1970', () => ({ 'retry-after': 'Thu, 01 Jan 1970 00:00:00 GMT' }), 1, 15],
  ['as nonsense', () => ({ 'retry-after': 'soon' }), 1, 15],
];

describe('an upstream that limits our requests', () => {
  test('is left alone for as long as it says, however it says it', async () => {
    const main = await stage.upstream();
    const cases = await Promise.all(
      patience.map(async ([what, headersOf, least, most], n) => {
        const upstream = await stage.upstream();
        const image = upstream.registry.addImage('team/app', 'latest', ['layer']);
        return { what, headersOf, least, most, upstream, image, name: `case-${n}.test` };
      }),
    );
    const entries = cases.map(({ upstream, name }) => ({ upstream, name, tagTtl: '1ms' }));
    const mirror = await stage.mirror([{ upstream: main, name: mainName }, ...entries]);
    for (const { what, headersOf, least, most, upstream, image, name } of cases) {
      const ask = (target = path): Promise<Pulled> => pull(mirror.address, `${target}?ns=${name}`);
      expect((await ask()).digest).toBe(image.digest);
      upstream.reset();
      const headers = { 'content-type': 'text/html', ...headersOf() };
      upstream.always({}, { status: 429, body: '<html>slow down', headers });
      expectStale(await ask(), image.digest);
      const storm = await Promise.all(Array.from({ length: 20 }, () => ask(unseen)));
      for (const pulled of storm) {
        expectError(pulled, 429, 'TOOMANYREQUESTS');
        const wait = Number(pulled.headers['retry-after']);
        expect([what, wait >= least && wait <= most ? 'as told' : wait]).toEqual([what, 'as told']);
      }
      expectStale(await ask(), image.digest);
      expect(upstream.requests.length).toBeLessThanOrEqual(2);
      const labels = { upstream: name, class: 'manifests' };
      expect(await readMetric(mirror.adminAddress, 'stowage_upstream_paused', labels)).toBe(1);
    }
  });

  test('is asked again when its time is over, and nothing is remembered as absent', async () => {
    const { upstream, image, ask, untilSeen } = await setUpWarm(stage);
    const limit = upstream.always({}, { status: 429, body: '{}', headers: { 'retry-after': '1' } });
    expectError(await ask(unseen), 429, 'TOOMANYREQUESTS');
    limit.remove();
    const pushed = upstream.registry.addImage('team/app', 'unseen', ['another layer']);
    let last: Pulled | undefined;
    await pollUntil(async () => {
      last = await ask(unseen);
      if (last.status !== 200) expectError(last, 429, 'TOOMANYREQUESTS');
      return last.status === 200;
    });
    expect(last?.digest).toBe(pushed.digest);
    await untilSeen(image.digest);
  });

  test('for manifests still gives its blobs', async () => {
    const { upstream, ask } = await setUpWarm(stage);
    const cold = upstream.registry.addBlob('team/app', 'a cold blob');
    upstream.always({ path: '/manifests/unseen' }, { status: 429, body: '{}', headers: { 'retry-after': '1' } });
    expectError(await ask(unseen), 429, 'TOOMANYREQUESTS');
    expectWhole(await ask(`/v2/team/app/blobs/${cold.digest}`), cold);
    const absent = `/v2/team/app/blobs/sha256:${'0'.repeat(64)}`;
    expectError(await ask(absent), 404, 'BLOB_UNKNOWN');
  });

  test('for blobs still confirms its tags', async () => {
    const { upstream, ask, untilSeen } = await setUpWarm(stage);
    const moved = upstream.registry.addImage('team/app', 'latest', ['a cold layer']);
    const limit = upstream.always({ path: '/blobs/' }, { status: 429, body: '{}', headers: { 'retry-after': '1' } });
    const cold = `/v2/team/app/blobs/${moved.layers[0]?.digest}`;
    expectError(await ask(cold), 429, 'TOOMANYREQUESTS');
    await untilSeen(moved.digest);
    limit.remove();
    await pollUntil(async () => (await ask(cold)).status === 200);
  });

  test('for blobs gets half as many connections when it is asked again', async () => {
    const { upstream, mirror, ask } = await setUpWarm(stage);
    const colds = Array.from({ length: 17 }, (_, n) => createSeededContent(`cold ${n}`, 5000));
    for (const cold of colds) upstream.registry.addBlob('team/app', cold);
    const pathOf = ({ digest }: { readonly digest: string }) => `/v2/team/app/blobs/${digest}`;
    const asked = () => upstream.find(blobGets).length;
    const crowd = createGate();
    const limit = upstream.always(blobGets, { hold: crowd, status: 429, body: '{}', headers: { 'retry-after': '1' } });
    const limited = colds.slice(0, 8).map((cold) => startPull(mirror.address, pathOf(cold)));
    await pollUntil(() => asked() === 8);
    crowd.open();
    for (const one of limited) expectError(await one.done, 429, 'TOOMANYREQUESTS');
    limit.remove();
    const [last, ...others] = colds.toReversed();
    if (last === undefined) throw new Error('none');
    await pollUntil(async () => (await ask(pathOf(last))).status === 200);
    upstream.reset();
    const gate = createGate();
    const held = upstream.always(blobGets, { hold: gate });
    const pulls = others.slice(0, 8).map((cold) => ({ cold, pull: startPull(mirror.address, pathOf(cold)) }));
    const running = () => readMetric(mirror.adminAddress, 'stowage_fills_running');
    await pollUntil(async () => (await running()) === 8 && asked() === 4);
    // A turn of everybody's later no more have come.
    await ask();
    expect(asked()).toBe(4);
    held.remove();
    gate.open();
    for (const { cold, pull: one } of pulls) expectWhole(await one.done, cold);
  });

  test('with 503 and Retry-After is left alone likewise', async () => {
    const { upstream, image, ask } = await setUpWarm(stage);
    const limit = upstream.always({}, { status: 503, body: '{}', headers: { 'retry-after': '2' } });
    expectStale(await ask(), image.digest);
    for (let n = 0; n < 5; n++) {
      const refused = await ask(unseen);
      expectError(refused, 503, 'UNAVAILABLE');
      expectFailure(refused);
      expectStale(await ask(), image.digest);
    }
    expect(upstream.requests.length).toBeLessThanOrEqual(2);
    limit.remove();
  });

  test('at its token service costs cached content nothing, and is no denial for the rest', async () => {
    const { tokens, upstream, image, layer, ask } = await setUpWarm(stage, { tokens: { lifetimeS: 60 } });
    tokens?.expireAll();
    const limit = tokens?.always({}, { status: 429, body: 'Too Many Requests', headers: { 'retry-after': '1' } });
    expectStale(await ask(), image.digest);
    expect((await ask(layer)).status).toBe(200);
    for (let n = 0; n < 5; n++) expectError(await ask(unseen), 429, 'TOOMANYREQUESTS');
    expect(tokens?.requests.length).toBeLessThanOrEqual(2);
    expect(upstream.find({ hasAuthorization: false }).length).toBeLessThanOrEqual(12);
    limit?.remove();
    await pollUntil(async () => (await ask(unseen)).status === 404);
  });
});

describe('an upstream that says how little is left', () => {
  const left = (count: number): Headers => ({
    'ratelimit-limit': '100;w=21600',
    'ratelimit-remaining': `${count};w=21600`,
  });

  test('gives the rest to what the cache cannot serve', async () => {
    const { upstream, image, mirror, ask } = await setUpWarm(stage);
    upstream.always({ path: '/manifests/' }, { headers: left(3) });
    const pushed = upstream.registry.addImage('team/app', 'unseen', ['another layer']);
    expect((await ask(unseen)).digest).toBe(pushed.digest);
    expect(await readMetric(mirror.adminAddress, 'stowage_upstream_ratelimit_remaining')).toBe(3);
    upstream.registry.addImage('team/app', 'latest', ['a third layer']);
    const spentBefore = upstream.find({ method: 'GET', path: '/manifests/' }).length;
    expectStale(await ask(), image.digest);
    expect(upstream.find({ method: 'GET', path: '/manifests/' })).toHaveLength(spentBefore);
    const another = upstream.registry.addImage('team/app', 'unseen-too', ['a fourth layer']);
    expect((await ask('/v2/team/app/manifests/unseen-too')).digest).toBe(another.digest);
  });

  test('and that enough is left, is asked as ever', async () => {
    const { upstream, ask } = await setUpWarm(stage);
    upstream.always({ path: '/manifests/' }, { headers: left(90) });
    for (const layer of ['second', 'third']) {
      const moved = upstream.registry.addImage('team/app', 'latest', [layer]);
      expect((await ask()).digest).toBe(moved.digest);
    }
  });
});
