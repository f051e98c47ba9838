// Story: an operator says what may be pulled, and nothing else leaves, whatever it is called and wherever it lies.
import { rename, writeFile } from 'node:fs/promises';
import { describe, expect, test } from '@jest/globals';
import { itemOf, startJob, untilJobEnds } from '../support/admin-jobs.ts';
import { createSeededContent } from '../support/content.ts';
import { expectError, expectWhole } from '../support/expectations.ts';
import { mainName, setStage } from '../support/flow.ts';
import { readMetric } from '../support/metrics.ts';
import type { MirrorProcess } from '../support/mirror-process.ts';
import { jsonOf, pull, type Pulled } from '../support/raw-client.ts';
import type { AddedImage } from '../support/registry-content.ts';
import type { ScriptedUpstream } from '../support/scripted-upstream.ts';
import { pollUntil } from '../support/signal.ts';

const stage = setStage();
const base = createSeededContent('rules base', 100_000);

async function setUp(rules: object = {}) {
  const upstream = await stage.upstream();
  const { registry } = upstream;
  const app = registry.addImage('team/app', 'v1', [base, 'a layer of app']);
  const dev = registry.addImage('team/app', 'dev', [base, 'a layer of dev']);
  const secret = registry.addImage('team/secret', 'v1', [base, 'a layer of secret']);
  const mirror = await stage.mirror([{ upstream, name: mainName, ...rules }]);
  return { upstream, mirror, app, dev, secret };
}

async function warm(mirror: MirrorProcess, repository: string, tag: string, image: AddedImage): Promise<void> {
  expect((await pull(mirror.address, `/v2/${repository}/manifests/${tag}`)).digest).toBe(image.digest);
  for (const blob of [image.config, ...image.layers]) {
    expectWhole(await pull(mirror.address, `/v2/${repository}/blobs/${blob.digest}`), blob);
  }
  await pollUntil(async () => (await readMetric(mirror.adminAddress, 'stowage_fills_running')) === 0);
}

async function reload(mirror: MirrorProcess, upstream: ScriptedUpstream, rules: object): Promise<void> {
  const text = mirror.formatConfig({ upstreams: [{ url: upstream.url, default: true, name: mainName, ...rules }] });
  const count = (): number => mirror.output.split('the configuration was loaded anew').length;
  const before = count();
  await writeFile(`${mirror.configFile}.new`, text);
  await rename(`${mirror.configFile}.new`, mirror.configFile);
  await pollUntil(() => count() > before, { what: 'the reload' });
}

function pathsOf(repository: string, tag: string, image: AddedImage): readonly string[] {
  const blobs = [image.config, ...image.layers].map(({ digest }) => `blobs/${digest}`);
  return [`manifests/${tag}`, `manifests/${image.digest}`, ...blobs].map((path) => `/v2/${repository}/${path}`);
}

async function expectDenied(mirror: MirrorProcess, path: string, rule: string): Promise<void> {
  const pulled = await pull(mirror.address, path);
  expectError(pulled, 403, 'DENIED');
  expect(messageOf(pulled)).toContain(`denied by the rule "${rule}" of ${mainName}`);
  expect(pulled.headers['retry-after']).toBeUndefined();
  expect(await pull(mirror.address, path, { method: 'HEAD' })).toMatchObject({ status: 403, bytes: 0 });
}

function messageOf(pulled: Pulled): string | undefined {
  return (jsonOf(pulled) as { errors: { message: string }[] }).errors[0]?.message;
}

describe('a denied repository', () => {
  test('gives nothing by tag, digest, blob or list, cold or hot, and upstream is not asked', async () => {
    const { mirror, upstream, secret, app } = await setUp();
    await warm(mirror, 'team/secret', 'v1', secret);
    await warm(mirror, 'team/app', 'v1', app);
    const paths = pathsOf('team/secret', 'v1', secret);
    // Twice: from memory too.
    for (const path of [...paths, ...paths]) expect((await pull(mirror.address, path)).status).toBe(200);
    await reload(mirror, upstream, { deny: ['team/secret*'] });
    upstream.reset();
    const lists = [`/v2/team/secret/tags/list`, `/v2/team/secret/referrers/${secret.digest}`];
    for (const path of [...paths, ...paths, ...lists]) await expectDenied(mirror, path, 'team/secret*');
    // What the cache has never seen, and what another repository has brought.
    const unseen = createSeededContent('never pulled', 1000).digest;
    const elsewhere = app.layers[1]?.digest;
    for (const path of [`manifests/v2`, `blobs/${unseen}`, `blobs/${elsewhere}`]) {
      await expectDenied(mirror, `/v2/team/secret/${path}`, 'team/secret*');
    }
    expect(upstream.requests).toHaveLength(0);
  });

  test('keeps nobody from public content of another repository', async () => {
    const { mirror, app } = await setUp({ deny: ['team/secret'] });
    await warm(mirror, 'team/app', 'v1', app);
    expectWhole(await pull(mirror.address, `/v2/team/app/blobs/${base.digest}`), base);
    await expectDenied(mirror, `/v2/team/secret/blobs/${base.digest}`, 'team/secret');
  });

  test('is served again when the rule has gone', async () => {
    const { mirror, upstream, secret } = await setUp({ deny: ['team/secret'] });
    await expectDenied(mirror, '/v2/team/secret/manifests/v1', 'team/secret');
    await reload(mirror, upstream, {});
    await warm(mirror, 'team/secret', 'v1', secret);
  });
});

describe('allowed repositories', () => {
  test('are all there is', async () => {
    const { mirror, app, upstream, secret } = await setUp({ allow: ['team/app', 'oracle/*'] });
    await warm(mirror, 'team/app', 'v1', app);
    upstream.reset();
    for (const path of pathsOf('team/secret', 'v1', secret)) await expectDenied(mirror, path, 'allow');
    expect(upstream.requests).toHaveLength(0);
    expect((await pull(mirror.address, '/v2/')).status).toBe(200);
  });

  test('may be none', async () => {
    const { mirror, app, upstream } = await setUp({ allow: [] });
    for (const path of pathsOf('team/app', 'v1', app)) await expectDenied(mirror, path, 'allow');
    expect(upstream.requests).toHaveLength(0);
    // For the pull that follows every test.
    await reload(mirror, upstream, {});
  });
});

describe('a denied tag', () => {
  test('takes with it what no other tag leads to', async () => {
    const { mirror, upstream, app, dev } = await setUp();
    await warm(mirror, 'team/app', 'v1', app);
    await warm(mirror, 'team/app', 'dev', dev);
    await reload(mirror, upstream, { deny: ['team/app:dev*'] });
    const [own] = dev.layers.slice(1);
    for (const path of [`manifests/dev`, `manifests/${dev.digest}`, `blobs/${own?.digest}`]) {
      await expectDenied(mirror, `/v2/team/app/${path}`, 'team/app:dev*');
    }
    await expectDenied(mirror, '/v2/team/app/manifests/dev-unseen', 'team/app:dev*');
    for (const path of pathsOf('team/app', 'v1', app)) expect((await pull(mirror.address, path)).status).toBe(200);
    expect(jsonOf(await pull(mirror.address, '/v2/team/app/tags/list'))).toEqual({ name: 'team/app', tags: ['v1'] });
  });
});

describe('a refused request', () => {
  test('has a line that says who wanted what, and counts', async () => {
    const { mirror } = await setUp({ deny: ['team/secret'] });
    for (let n = 0; n < 30; n++) await pull(mirror.address, '/v2/team/secret/manifests/v1');
    const lines = mirror.output.split('\n').filter((line) => line.includes('"msg":"audit"'));
    expect(lines).toHaveLength(10);
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({
      reason: 'rule',
      client: '127.0.0.1',
      upstream: mainName,
      repository: 'team/secret',
      reference: 'v1',
      rule: 'team/secret',
    });
    expect(await readMetric(mirror.adminAddress, 'stowage_refused_total', { reason: 'rule' })).toBe(30);
    await mirror.terminate();
    await mirror.untilLogged('"more":20');
    await mirror.start();
  });

  test('is one of the mirror too, in a job of its operator', async () => {
    const { mirror, upstream } = await setUp({ deny: ['team/secret'] });
    const id = await startJob(mirror, '/pull', { references: [`${mainName}/team/secret:v1`] });
    const job = await untilJobEnds(mirror, id);
    expect(itemOf(job)).toMatchObject({ state: 'failed', error: expect.stringContaining('"team/secret"') as unknown });
    expect(upstream.requests).toHaveLength(0);
  });
});
