// Story: a tag follows its upstream, and a failure is never taken for absence.
import { describe, expect, test } from '@jest/globals';
import { expectError } from '../support/expectations.ts';
import type { Fault } from '../support/fault.ts';
import { mainName, setStage } from '../support/flow.ts';
import { createGate } from '../support/gate.ts';
import { readMetric } from '../support/metrics.ts';
import { pull, type Pulled } from '../support/raw-client.ts';
import { pollUntil } from '../support/signal.ts';

const stage = setStage();
const path = '/v2/team/app/manifests/latest';

async function setUp(tagTtl: string) {
  const upstream = await stage.upstream();
  const image = upstream.registry.addImage('team/app', 'latest', ['first layer']);
  const mirror = await stage.mirror([{ upstream, name: mainName, tagTtl }]);
  return { upstream, mirror, image };
}

describe('a tag', () => {
  test('that moves is seen after its time to live, not before; the old digest stays', async () => {
    const { upstream, mirror, image } = await setUp('1h');
    expect((await pull(mirror.address, path)).digest).toBe(image.digest);
    const moved = upstream.registry.addImage('team/app', 'latest', ['second layer']);
    const asked = upstream.requests.length;
    expect((await pull(mirror.address, path)).digest).toBe(image.digest);
    expect(upstream.requests).toHaveLength(asked);
    const impatient = await stage.mirror([{ upstream, name: mainName, tagTtl: '1ms' }]);
    upstream.registry.setTag('team/app', 'latest', image.digest);
    expect((await pull(impatient.address, path)).digest).toBe(image.digest);
    upstream.registry.setTag('team/app', 'latest', moved.digest);
    await pollUntil(async () => (await pull(impatient.address, path)).digest === moved.digest);
    upstream.registry.removeManifest('team/app', image.digest);
    const old = await pull(impatient.address, `/v2/team/app/manifests/${image.digest}`);
    expect(old).toMatchObject({ status: 200, digest: image.digest });
  });

  test('is checked once for any number of clients', async () => {
    const { upstream, mirror, image } = await setUp('1h');
    const gate = createGate();
    upstream.once({ method: 'GET', path: '/manifests/' }, { hold: gate });
    const first = Array.from({ length: 10 }, () => pull(mirror.address, path));
    await gate.reached;
    const later = Array.from({ length: 40 }, () => pull(mirror.address, path));
    await pollUntil(async () => ((await readMetric(mirror.adminAddress, 'stowage_client_connections')) ?? 0) >= 50);
    gate.open();
    const all = await Promise.all([...first, ...later]);
    for (const pulled of all) expect(pulled.digest).toBe(image.digest);
    expect(upstream.find({ method: 'HEAD' })).toHaveLength(1);
    expect(upstream.find({ method: 'GET', path: '/manifests/' })).toHaveLength(1);
  });

  test('is not believed when the digest header differs from the bytes', async () => {
    const { upstream, mirror, image } = await setUp('1ms');
    const lie = { 'docker-content-digest': `sha256:${'ab'.repeat(32)}` };
    const noHead = upstream.always({ method: 'HEAD' }, { status: 405 });
    const lying = upstream.always({ method: 'GET', path: '/manifests/latest' }, { headers: lie });
    expectError(await pull(mirror.address, path), 502, 'UNAVAILABLE');
    lying.remove();
    noHead.remove();
    expect((await pull(mirror.address, path)).digest).toBe(image.digest);
  });

  test('keeps its last good manifest when a web page comes in its place', async () => {
    const { upstream, mirror, image } = await setUp('1ms');
    const page: Fault = { status: 200, body: '<html>sign in</html>', headers: { 'content-type': 'text/html' } };
    const portal = upstream.always({ path: '/manifests/' }, page);
    expectError(await pull(mirror.address, path), 502, 'UNAVAILABLE');
    portal.remove();
    expect((await pull(mirror.address, path)).digest).toBe(image.digest);
    upstream.always(
      { path: '/manifests/' },
      { ...page, headers: { ...page.headers, 'docker-content-digest': undefined } },
    );
    expect(await pull(mirror.address, path)).toMatchObject({ status: 200, digest: image.digest });
  });
});

describe('a failure is no absence', () => {
  const failures: readonly (readonly [string, Fault])[] = [
    ['401', { status: 401, body: '{}' }],
    ['403', { status: 403, body: '{}' }],
    ['429', { status: 429, body: '{}', headers: { 'retry-after': '1' } }],
    ['500', { status: 500, body: '{}' }],
    ['503', { status: 503, body: '{}', headers: { 'retry-after': '1' } }],
    ['a reset', { refuse: 'RST' }],
    ['a silent end', { refuse: 'FIN' }],
    ['garbage', { raw: 'HTTP/9.9 maybe\r\n\r\n' }],
    ['other bytes', { status: 200, body: 'other bytes' }],
  ];

  test.each(failures)('%s, then success: manifests and blobs are served', async (_name, fault) => {
    const { upstream, mirror, image } = await setUp('1h');
    const layer = `/v2/team/app/blobs/${image.layers[0]?.digest}`;
    const broken = upstream.always({}, fault);
    for (const target of [path, `/v2/team/app/manifests/${image.digest}`, layer]) {
      const pulled = await pull(mirror.address, target);
      expect(pulled.status).toBeGreaterThanOrEqual(400);
      if (!['401', '403'].includes(_name)) expect(pulled.status).not.toBe(404);
    }
    broken.remove();
    for (const target of [path, `/v2/team/app/manifests/${image.digest}`, layer]) {
      let last: Pulled | undefined;
      // An upstream that asked for patience gets it: until then the answer is a failure, never 404.
      await pollUntil(async () => {
        last = await pull(mirror.address, target);
        if (last.status === 404) throw new Error(`${target} is remembered as absent`);
        return last.status === 200;
      });
      expect(last?.isComplete).toBe(true);
    }
  });

  test('a failed download of a tag that is gone stays 404, and a new tag appears after the short memory of misses', async () => {
    const upstream = await stage.upstream();
    upstream.registry.addImage('team/app', 'other', ['layer']);
    const mirror = await stage.mirror([{ upstream, name: mainName, negativeTtl: '200ms' }]);
    expectError(await pull(mirror.address, path), 404, 'MANIFEST_UNKNOWN');
    const asked = upstream.requests.length;
    const image = upstream.registry.addImage('team/app', 'latest', ['pushed']);
    await pollUntil(async () => (await pull(mirror.address, path)).digest === image.digest);
    expect(upstream.requests.length).toBeGreaterThan(asked);
  });
});
