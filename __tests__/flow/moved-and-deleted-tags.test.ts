// Story: upstream moves a tag, deletes it, or has not finished doing so.
import { describe, expect, test } from '@jest/globals';
import { expectError } from '../support/expectations.ts';
import { mainName, setStage } from '../support/flow.ts';
import { createGate } from '../support/gate.ts';
import { pull } from '../support/raw-client.ts';
import { pollUntil } from '../support/signal.ts';
import { expectFailure, expectStale, path, setUpWarm, unseen } from '../support/warm.ts';

const stage = setStage();

describe('a tag that moves', () => {
  test('costs one check and one download of the new manifest, by digest', async () => {
    const { upstream, ask } = await setUpWarm(stage);
    const moved = upstream.registry.addImage('team/app', 'latest', ['another layer']);
    const pulled = await ask();
    expect(pulled).toMatchObject({ status: 200, digest: moved.digest });
    expect(pulled.headers['cache-status']).toMatch(/^stowage; fwd=uri-miss/);
    expect(upstream.requests.map(({ method, target }) => `${method} ${target}`)).toEqual([
      `HEAD ${path}`,
      `GET /v2/team/app/manifests/${moved.digest}`,
    ]);
  });

  test('to a manifest that upstream lacks stays where it was, until upstream has it', async () => {
    const { upstream, image, ask, untilSeen } = await setUpWarm(stage);
    const moved = upstream.registry.addImage('team/app', 'latest', ['another layer']);
    const lagging = upstream.always({ method: 'GET', path: moved.digest }, { status: 404, body: '{}' });
    expectStale(await ask(), image.digest);
    expect(lagging.used).toBeGreaterThan(0);
    lagging.remove();
    await untilSeen(moved.digest);
  });

  test('never moves back, though an older answer comes late', async () => {
    const { upstream, image, ask } = await setUpWarm(stage, { entry: { checkTimeout: '100ms' } });
    const gate = createGate();
    const first = upstream.registry.addImage('team/app', 'latest', ['the second layer']);
    upstream.once({ method: 'GET', path: first.digest }, { hold: gate });
    expectStale(await ask(), image.digest);
    await gate.reached;
    const second = upstream.registry.addImage('team/app', 'latest', ['the third layer']);
    gate.open();
    const seen: string[] = [];
    await pollUntil(async () => {
      seen.push((await ask()).digest);
      return seen.at(-1) === second.digest;
    });
    const order = [image.digest, first.digest, second.digest];
    const places = seen.map((digest) => order.indexOf(digest));
    expect(places).toEqual(places.toSorted((a, b) => a - b));
    for (let n = 0; n < 5; n++) expect((await ask()).digest).toBe(second.digest);
  });

  test('again and again under slow answers never goes back for anybody', async () => {
    const { upstream, image, ask } = await setUpWarm(stage, { entry: { checkTimeout: '50ms' } });
    const order = [image.digest];
    for (const n of [1, 3, 6]) upstream.nth(n, { method: 'HEAD' }, { delayMs: 120 });
    for (let version = 0; version < 8; version++) {
      order.push(upstream.registry.addImage('team/app', 'latest', [`version ${version}`]).digest);
      const all = await Promise.all(Array.from({ length: 4 }, () => ask()));
      for (const pulled of all) expect(order).toContain(pulled.digest);
    }
    let latest = -1;
    await pollUntil(async () => {
      const place = order.indexOf((await ask()).digest);
      expect(place).toBeGreaterThanOrEqual(latest);
      latest = place;
      return place === order.length - 1;
    });
  });

  test('takes no other tag with it that names the same manifest', async () => {
    const { upstream, image, ask } = await setUpWarm(stage);
    upstream.registry.setTag('team/app', 'stable', image.digest);
    expect((await ask('/v2/team/app/manifests/stable')).digest).toBe(image.digest);
    const moved = upstream.registry.addImage('team/app', 'latest', ['another layer']);
    expect((await ask()).digest).toBe(moved.digest);
    expect((await ask('/v2/team/app/manifests/stable')).digest).toBe(image.digest);
  });
});

describe('a tag that names what upstream lacks', () => {
  test('is a failure that is not remembered, no absence', async () => {
    const { upstream, ask } = await setUpWarm(stage);
    const image = upstream.registry.addImage('team/app', 'unseen', ['another layer']);
    const lagging = upstream.always({ method: 'GET', path: image.digest }, { status: 404, body: '{}' });
    expectFailure(await ask(unseen));
    lagging.remove();
    expect(await ask(unseen)).toMatchObject({ status: 200, digest: image.digest });
  });
});

describe('a tag that upstream has deleted', () => {
  test('is gone when its time is over, and an outage does not bring it back', async () => {
    const { upstream, image, mirror, layer, ask } = await setUpWarm(stage, { entry: { negativeTtl: '1ms' } });
    upstream.registry.removeTag('team/app', 'latest');
    expectError(await ask(), 404, 'MANIFEST_UNKNOWN');
    await upstream.down();
    expectFailure(await ask());
    expect((await ask(`/v2/team/app/manifests/${image.digest}`)).status).toBe(200);
    expect((await ask(layer)).status).toBe(200);
    await mirror.terminate();
    await mirror.start();
    expectFailure(await ask());
  });

  test('together with its repository is gone as well', async () => {
    const { upstream, ask } = await setUpWarm(stage);
    const nobody = { errors: [{ code: 'NAME_UNKNOWN' }] };
    upstream.always({ path: '/team/app/' }, { status: 404, body: JSON.stringify(nobody) });
    expectError(await ask(), 404, 'MANIFEST_UNKNOWN');
  });

  test('is back as soon as upstream has it again', async () => {
    const { upstream, image, ask } = await setUpWarm(stage, { entry: { negativeTtl: '1ms' } });
    upstream.registry.removeTag('team/app', 'latest');
    expectError(await ask(), 404, 'MANIFEST_UNKNOWN');
    upstream.registry.setTag('team/app', 'latest', image.digest);
    await pollUntil(async () => (await ask()).digest === image.digest);
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
