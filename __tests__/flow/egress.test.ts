// Story: the mirror connects to what the operator configured, wherever names, redirects and manifests point.
import { describe, expect, test } from '@jest/globals';
import { createContent } from '../support/content.ts';
import { expectError, expectWhole } from '../support/expectations.ts';
import { mainName, setStage } from '../support/flow.ts';
import { readMetric } from '../support/metrics.ts';
import { pull } from '../support/raw-client.ts';
import { imageManifest } from '../support/registry-content.ts';

const stage = setStage();

describe('ns', () => {
  test('names a configured upstream or nobody is dialled', async () => {
    const upstream = await stage.upstream();
    const canary = await stage.canary();
    const mirror = await stage.mirror(upstream);
    const { port } = canary;
    const names = [
      '169.254.169.254',
      `127.0.0.1:${port}`,
      `[::1]:${port}`,
      `2130706433:${port}`,
      `0x7f.1:${port}`,
      '[64:ff9b::a9fe:a9fe]',
      `localhost.:${port}`,
      `localhost:${port}`,
      `http://127.0.0.1:${port}`,
      'file:///etc/passwd',
      'registry.test@127.0.0.1',
      'registry.test#x',
      'registry.test/../x',
      '',
      'unknown.test',
    ];
    for (const name of names) {
      const pulled = await pull(mirror.address, `/v2/team/app/manifests/latest?ns=${encodeURIComponent(name)}`);
      expect([name, [400, 404].includes(pulled.status)]).toEqual([name, true]);
    }
    expectError(await pull(mirror.address, '/v2/team/app/manifests/latest?ns=unknown.test'), 404, 'NAME_UNKNOWN');
    expect((await pull(mirror.address, '/v2/team/app/manifests/latest?ns=registry.test&ns=registry.test')).status).toBe(
      400,
    );
    expect(canary.connections).toBe(0);
    expect(upstream.requests).toEqual([]);
  });
});

describe('an upstream of the configuration', () => {
  test.each(['http://169.254.169.254', 'http://[fe80::1]', 'http://[fd00:ec2::254]'])(
    'at %s is never dialled, whatever else is allowed',
    async (url) => {
      const upstream = await stage.upstream();
      const egress = { allow: ['0.0.0.0/0', '::/0', '169.254.169.254'] };
      const name = 'inside.test';
      const mirror = await stage.mirror(
        [
          { upstream, name: mainName },
          { upstream, name, url },
        ],
        { egress },
      );
      for (const path of ['manifests/latest', 'tags/list', `blobs/sha256:${'0'.repeat(64)}`]) {
        const pulled = await pull(mirror.address, `/v2/team/app/${path}?ns=${name}`);
        expectError(pulled, 502, 'UNAVAILABLE');
        expect(pulled.body.toString()).not.toMatch(/169\.254|fe80|fd00/);
      }
      const labels = { upstream: name, result: 'refused' };
      expect(await readMetric(mirror.adminAddress, 'stowage_upstream_requests_total', labels)).toBeGreaterThan(0);
    },
  );
});

describe('a redirect', () => {
  test('into private space or to another scheme is refused', async () => {
    const upstream = await stage.upstream();
    const canary = await stage.canary();
    const mirror = await stage.mirror(upstream);
    const targets = [
      `http://[::]:${canary.port}/x`,
      'http://100.64.0.1/x',
      'http://169.254.169.254/latest/meta-data/',
      'http://[fe80::1]/x',
      'http://10.255.255.1/x',
      'http://192.168.255.1/x',
      'http://[fd00:ec2::254]/x',
      `file:///etc/passwd`,
      `ftp://127.0.0.1:${canary.port}/x`,
    ];
    const lures = targets.map((redirect, i) => {
      const blob = upstream.registry.addBlob('team/app', `lured ${i}`);
      const rule = upstream.always({ path: blob.digest }, { redirect });
      return { redirect, blob, rule, path: `/v2/team/app/blobs/${blob.digest}` };
    });
    const answers = await Promise.all(lures.map(({ path }) => pull(mirror.address, path)));
    expect(answers.map(({ status }, i) => [targets[i], status])).toEqual(targets.map((target) => [target, 502]));
    for (const { rule, blob, path } of lures) {
      rule.remove();
      expectWhole(await pull(mirror.address, path), blob);
    }
    expect(canary.connections).toBe(0);
  });

  test('is followed five times at most', async () => {
    const upstream = await stage.upstream();
    const blob = upstream.registry.addBlob('team/app', 'round and round');
    const mirror = await stage.mirror(upstream);
    const path = `/v2/team/app/blobs/${blob.digest}`;
    const loop = upstream.always({ path }, { redirect: path });
    expectError(await pull(mirror.address, path), 502, 'UNAVAILABLE');
    expect(upstream.find({ path }).length).toBeLessThanOrEqual(24);
    loop.remove();
    expectWhole(await pull(mirror.address, path), blob);
  });
});

describe('a foreign layer', () => {
  test('is asked of the upstream alone', async () => {
    const upstream = await stage.upstream();
    const canary = await stage.canary();
    const foreign = createContent('a layer that lives elsewhere');
    const config = upstream.registry.addBlob('team/app', '{}');
    const manifest = imageManifest(config, [foreign]) as { layers: object[] };
    manifest.layers[0] = { ...manifest.layers[0], urls: [`${canary.url}/layer`] };
    const added = upstream.registry.addManifest('team/app', manifest, { tag: 'foreign' });
    const mirror = await stage.mirror(upstream);
    expect(await pull(mirror.address, '/v2/team/app/manifests/foreign')).toMatchObject({
      status: 200,
      digest: added.digest,
    });
    expectError(await pull(mirror.address, `/v2/team/app/blobs/${foreign.digest}`), 404, 'BLOB_UNKNOWN');
    expect(canary.connections).toBe(0);
  });
});
