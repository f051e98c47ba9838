// Story: starting, stopping and crashing: nothing is lost that was there, nothing is promised that is not.
import { describe, expect, test } from '@jest/globals';
import { createSeededContent } from '../support/content.ts';
import { expectError, expectWhole } from '../support/expectations.ts';
import { setStage } from '../support/flow.ts';
import { createGate } from '../support/gate.ts';
import { startMirrorProcess } from '../support/mirror-process.ts';
import { pull, startPull } from '../support/raw-client.ts';
import { blobGets } from '../support/scripted-upstream.ts';
import { pollUntil } from '../support/signal.ts';

const stage = setStage();
const layer = createSeededContent('lifecycle', 5_000_000);
const path = `/v2/team/app/blobs/${layer.digest}`;

describe('the service', () => {
  test('serves what it has when it is started with every upstream away', async () => {
    const upstream = await stage.upstream();
    const image = upstream.registry.addImage('team/app', 'latest', [layer]);
    const mirror = await stage.mirror(upstream);
    const paths = [
      'manifests/latest',
      `manifests/${image.digest}`,
      `blobs/${image.config.digest}`,
      `blobs/${layer.digest}`,
    ];
    for (const part of paths) await pull(mirror.address, `/v2/team/app/${part}`);
    expect(await mirror.terminate()).toBe(0);
    await upstream.down();
    await mirror.start();
    expect((await pull(mirror.address, '/v2/')).status).toBe(200);
    for (const part of paths) {
      expect([part, (await pull(mirror.address, `/v2/team/app/${part}`)).status]).toEqual([part, 200]);
    }
    const unseen = await pull(mirror.address, '/v2/team/app/manifests/unseen');
    expect([502, 503, 504]).toContain(unseen.status);
    expect(unseen.headers['retry-after']).toBeDefined();
  });

  test('finishes running pulls on SIGTERM, is unready meanwhile, and exits 0', async () => {
    const upstream = await stage.upstream();
    upstream.registry.addBlob('team/app', layer);
    const mirror = await stage.mirror(upstream);
    const gate = createGate();
    upstream.once(blobGets, { holdBody: { after: 2_000_000, gate } });
    const pulling = startPull(mirror.address, path);
    await pulling.untilReceived(1_000_000);
    mirror.signal('SIGTERM');
    await pollUntil(async () => (await pull(mirror.adminAddress, '/readyz')).status === 503);
    expect((await pull(mirror.adminAddress, '/livez')).status).toBe(200);
    gate.open();
    expectWhole(await pulling.done, layer);
    expect(await mirror.exited).toBe(0);
    await mirror.start();
    expectWhole(await pull(mirror.address, path), layer);
  });

  test('cuts running pulls short when the time to drain is over, and exits 0 all the same', async () => {
    const upstream = await stage.upstream();
    upstream.registry.addBlob('team/app', layer);
    const mirror = await stage.mirror(upstream, { limits: { drain: '200ms' } });
    upstream.once(blobGets, { stall: { after: 2_000_000 } });
    const pulling = startPull(mirror.address, path);
    await pulling.untilReceived(1_000_000);
    expect(await mirror.terminate()).toBe(0);
    expect(await pulling.done).toMatchObject({ status: 200, isComplete: false });
    await mirror.start();
    const before = upstream.bytesOf(blobGets);
    expectWhole(await pull(mirror.address, path), layer);
    expect(upstream.bytesOf(blobGets) - before).toBeLessThan(layer.sizeBytes);
  });

  test('ends at once on a second signal', async () => {
    const upstream = await stage.upstream();
    upstream.registry.addBlob('team/app', layer);
    const mirror = await stage.mirror(upstream);
    upstream.once(blobGets, { stall: { after: 2_000_000 } });
    const pulling = startPull(mirror.address, path);
    await pulling.untilReceived(1_000_000);
    mirror.signal('SIGTERM');
    await pollUntil(async () => (await pull(mirror.adminAddress, '/readyz')).status === 503);
    await mirror.terminate();
    expect(await pulling.done).toMatchObject({ isComplete: false });
    await mirror.start();
    expectWhole(await pull(mirror.address, path), layer);
  });

  test('refuses a cache that another process owns, and names the owner', async () => {
    const upstream = await stage.upstream();
    const mirror = await stage.mirror(upstream);
    const second = startMirrorProcess({
      upstreams: [{ name: 'registry.test', url: upstream.url }],
      config: { cache: { path: mirror.cachePath } },
    });
    await expect(second).rejects.toThrow(String(mirror.pid));
  });

  test('drops a client that never reads, and nobody else', async () => {
    const upstream = await stage.upstream();
    const big = upstream.registry.addBlob('team/app', createSeededContent('never read', 60_000_000));
    // Longer than the other client, upstream and this test, which share a process, ever keep each other waiting.
    const mirror = await stage.mirror(upstream, { limits: { writeIdle: '3s' } });
    const target = `/v2/team/app/blobs/${big.digest}`;
    const never = startPull(mirror.address, target, { neverReads: true });
    expectWhole(await pull(mirror.address, target), big);
    // The oracle asks that the mirror has no client left; this one still holds its end.
    await mirror.untilLogged('"isComplete":false');
    never.abort();
    await never.done;
  });

  test('hides a private blob from public repositories and other upstreams, byte for byte like an absent one', async () => {
    const tokens = await stage.tokens({ login: 'someone:planted-password', privateRepositories: ['team/secret'] });
    const upstream = await stage.upstream({ tokens });
    upstream.registry.addBlob('team/secret', layer);
    upstream.registry.addBlob('team/public', 'public');
    const login = { username: 'someone', passwordEnv: 'PLANTED', authHosts: [`127.0.0.1:${tokens.port}`] };
    const mirror = await stage.mirror(
      [
        { upstream, name: 'registry.test' },
        { upstream, name: 'private.test', shareCredentials: true, ...login },
      ],
      {},
      { PLANTED: 'planted-password' },
    );
    expectWhole(await pull(mirror.address, `/v2/team/secret/blobs/${layer.digest}?ns=private.test`), layer);
    const absent = layer.digest.replace(/.$/, (last) => (last === '0' ? '1' : '0'));
    for (const [repository, ns] of [
      ['team/public', 'private.test'],
      ['team/public', 'registry.test'],
      ['team/secret', 'registry.test'],
    ] as const) {
      const hidden = await pull(mirror.address, `/v2/${repository}/blobs/${layer.digest}?ns=${ns}`);
      const missing = await pull(mirror.address, `/v2/${repository}/blobs/${absent}?ns=${ns}`);
      expectError(hidden, 404, 'BLOB_UNKNOWN');
      expect(hidden.body.equals(missing.body)).toBe(true);
      const head = await pull(mirror.address, `/v2/${repository}/blobs/${layer.digest}?ns=${ns}`, { method: 'HEAD' });
      expect(head.status).toBe(404);
    }
    // Upstream away: nobody can say whether it may be seen, so it may not.
    await upstream.down();
    const unknown = await pull(mirror.address, `/v2/team/another/blobs/${layer.digest}?ns=private.test`);
    expect(unknown.status).toBe(503);
    expectWhole(await pull(mirror.address, `/v2/team/secret/blobs/${layer.digest}?ns=private.test`), layer);
  });
});
