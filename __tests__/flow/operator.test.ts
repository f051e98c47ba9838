// Story: an operator asks the admin listener what goes on, and nobody else can.
import { readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, test } from '@jest/globals';
import type { FillState, History, Page, Status } from '../../src/admin/api-types.ts';
import { ask, askToChange, subscribe, type Subscription } from '../support/admin-client.ts';
import { createSeededContent } from '../support/content.ts';
import { expectWhole } from '../support/expectations.ts';
import { mainName, setStage } from '../support/flow.ts';
import { createGate } from '../support/gate.ts';
import type { MirrorProcess } from '../support/mirror-process.ts';
import { expectEventToFit, expectToFit } from '../support/openapi.ts';
import { pull, startPull } from '../support/raw-client.ts';
import { blobGets } from '../support/scripted-upstream.ts';
import { pollUntil } from '../support/signal.ts';

const layer = createSeededContent('operator', 3_000_000);
const path = `/v2/team/app/blobs/${layer.digest}`;
const subscriptions: Subscription[] = [];

// Before the stage ends, which counts sockets.
afterEach(() => {
  for (const one of subscriptions.splice(0)) {
    one.leave();
    one.events.forEach(expectEventToFit);
  }
});
const stage = setStage();

async function setUp(env: Readonly<Record<string, string>> = {}, config = {}) {
  const upstream = await stage.upstream();
  upstream.registry.addBlob('team/app', layer);
  const mirror = await stage.mirror(upstream, config, env);
  return { upstream, mirror };
}

/** An answer of the API, which is as it is described. */
async function get<Answer>({ adminAddress }: MirrorProcess, target: string): Promise<Answer> {
  const { status, json } = await ask(adminAddress, `/api/v1${target}`);
  expectToFit(target.replace(/\?.*/, ''), 'GET', status, json);
  expect(status).toBe(200);
  return json as Answer;
}

async function listen(mirror: MirrorProcess): Promise<Subscription> {
  const one = await subscribe(mirror.adminAddress);
  subscriptions.push(one);
  await one.until(() => one.comments.length > 0);
  return one;
}

const find = ({ events }: Subscription, type: string) => events.find((event) => event.type === type);

describe('an operator sees', () => {
  test('a pull while it happens, and what it saved when it is over', async () => {
    const { upstream, mirror } = await setUp();
    const events = await listen(mirror);
    const gate = createGate();
    upstream.once(blobGets, { holdBody: { after: 2_000_000, gate } });
    const cold = startPull(mirror.address, path);
    await cold.untilReceived(1_000_000);
    expect(await get<readonly FillState[]>(mirror, '/fills')).toMatchObject([
      { digest: layer.digest, upstream: mainName, repository: 'team/app', sizeBytes: layer.sizeBytes, readers: 1 },
    ]);
    expect(await get<Status>(mirror, '/status')).toMatchObject({ isReady: true, fills: { running: 1, readers: 1 } });
    await events.until(() => find(events, 'fills') !== undefined);
    gate.open();
    expectWhole(await cold.done, layer);
    await events.until(() => find(events, 'fill-ended') !== undefined);
    expect(find(events, 'fill-started')).toMatchObject({ fill: { digest: layer.digest, readers: 0 } });
    expect(find(events, 'fill-ended')).toMatchObject({ result: 'committed', sizeBytes: layer.sizeBytes, error: null });
    await events.until(() => events.events.some(({ fills }) => (fills as unknown[] | undefined)?.length === 0));

    for (let n = 0; n < 3; n += 1) expectWhole(await pull(mirror.address, path), layer);
    await pollUntil(async () => (await get<Status>(mirror, '/status')).traffic.requests === 4);
    const { traffic, cache, upstreams } = await get<Status>(mirror, '/status');
    expect(traffic).toMatchObject({ hits: 3, hitRatio: 0.75, servedBytes: 4 * layer.sizeBytes });
    expect(traffic.fetchedBytes).toBe(layer.sizeBytes);
    expect(traffic).toMatchObject({ savedBytes: 3 * layer.sizeBytes, byteHitRatio: 0.75 });
    expect(cache).toMatchObject({ objects: 1, contentBytes: layer.sizeBytes });
    expect(cache.spareBytes).toBeGreaterThan(0);
    expect(upstreams).toMatchObject([{ name: mainName, isDefault: true, health: 'ok', urls: [{ url: upstream.url }] }]);
    const { points } = await get<History>(mirror, '/history');
    expect(points.reduce((sum, { requests }) => sum + requests, 0)).toBe(4);
  });

  test('an upstream in trouble', async () => {
    const { upstream, mirror } = await setUp();
    const events = await listen(mirror);
    upstream.always({ path: '/manifests/' }, { status: 429, headers: { 'retry-after': '30' } });
    await pull(mirror.address, '/v2/team/app/manifests/latest');
    await events.until(() => find(events, 'upstream') !== undefined);
    const paused = { name: mainName, health: 'paused', urls: [{ pauses: [{ class: 'manifests' }] }] };
    expect(find(events, 'upstream')).toMatchObject({ upstream: paused });
    expect((await get<Status>(mirror, '/status')).upstreams).toMatchObject([paused]);
    // What is asked afterwards is not to be refused.
    await mirror.terminate();
    upstream.reset();
    await mirror.start();
  });

  test('what goes when there is no room', async () => {
    const { upstream, mirror } = await setUp({}, { cache: { maxSize: '5MB' } });
    const other = upstream.registry.addBlob('team/app', createSeededContent('operator too', 4_000_000));
    const events = await listen(mirror);
    expectWhole(await pull(mirror.address, path), layer);
    // Until it is content it is not evicted.
    await events.until(() => find(events, 'fill-ended') !== undefined);
    expectWhole(await pull(mirror.address, `/v2/team/app/blobs/${other.digest}`), other);
    await events.until(() => find(events, 'evicted') !== undefined);
    expect(find(events, 'evicted')).toMatchObject({ objects: 1, bytes: layer.sizeBytes });
  });

  test('the same numbers after a restart', async () => {
    const { mirror } = await setUp();
    for (let n = 0; n < 2; n += 1) expectWhole(await pull(mirror.address, path), layer);
    await pollUntil(async () => (await get<Status>(mirror, '/status')).traffic.requests === 2);
    const before = await get<Status>(mirror, '/status');
    expect(await mirror.terminate()).toBe(0);
    await mirror.start();
    const after = await get<Status>(mirror, '/status');
    expect(after.traffic).toEqual(before.traffic);
    const { points } = await get<History>(mirror, '/history');
    expect(points.reduce((sum, { servedBytes }) => sum + servedBytes, 0)).toBe(2 * layer.sizeBytes);
  });

  test('how clients are set up, which file it runs by, and all that the API describes', async () => {
    const { upstream, mirror } = await setUp();
    upstream.registry.addImage('team/app', 'latest', ['a layer']);
    await pull(mirror.address, '/v2/team/app/manifests/latest');
    const setup = await get<{ publicUrl: string; clients: { name: string; text: string }[] }>(mirror, '/client-setup');
    expect(setup.publicUrl).toBe(mirror.address);
    expect(setup.clients.map(({ name }) => name)).toEqual(['docker', 'containerd', 'podman', 'buildkit']);
    const { configuration, publicUrl } = await get<Status>(mirror, '/status');
    expect(publicUrl).toBe(mirror.address);
    expect(configuration).toMatchObject({ file: expect.stringMatching(/^\/.*mirror\.config\.yaml$/), problems: [] });
    for (const target of ['/openapi.json', '/repositories', '/images', '/pins', '/jobs']) await get(mirror, target);
    const { items } = await get<Page<{ reference: string }>>(mirror, '/images?limit=1');
    await get(mirror, `/image?reference=${encodeURIComponent(items[0]?.reference ?? '')}`);
  });
});

test('changes are answered as it is described, and mistakes too', async () => {
  const { upstream, mirror } = await setUp();
  upstream.registry.addImage('team/app', 'latest', ['a layer']);
  const references = ['team/app:latest'];
  const change = async (target: string, body: object, described = target): Promise<unknown> => {
    const { status, json } = await askToChange(mirror.adminAddress, `/api/v1${target}`, body);
    expectToFit(described, 'POST', status, json);
    return [status, json];
  };
  const [status, job] = (await change('/pull', { references })) as [number, { id: string }];
  expect(status).toBe(202);
  const isOver = async () => (await get<Page<{ state: string }>>(mirror, '/jobs')).items[0]?.state !== 'running';
  await pollUntil(isOver, { what: 'the job to end' });
  expect(await change(`/jobs/${job.id}/cancel`, {}, '/jobs/{id}/cancel')).toMatchObject([200, { state: 'done' }]);
  expect(await change('/pin', { references })).toMatchObject([200, { items: [{ source: 'operator' }] }]);
  expect(await change('/unpin', { references })).toMatchObject([200, { items: [] }]);
  expect(await change('/unpin', { references })).toMatchObject([404, {}]);
  expect(await change('/purge', { references })).toMatchObject([200, { items: [{ keptObjects: 0 }] }]);
  expect(await change('/verify', {})).toMatchObject([202, { kind: 'verify' }]);
  for (const target of ['/pull', '/verify', '/pin', '/unpin', '/purge']) {
    expect(await change(target, { references: ['no such//image::'] })).toMatchObject([400, { field: 'references[0]' }]);
    expect(await change(target, { references: [], more: 1 })).toMatchObject([400, {}]);
  }
  expect(await change('/jobs/none/cancel', {}, '/jobs/{id}/cancel')).toMatchObject([404, {}]);
});

describe('nobody else', () => {
  test('gets in without the token, which is made at the first start', async () => {
    const { mirror } = await setUp({
      STOWAGE__ADMIN__TOKEN_FILE: 'secrets/admin-token',
      STOWAGE__ADMIN__CREATE_TOKEN: 'true',
      STOWAGE__ADMIN__OPEN_METRICS: 'true',
    });
    const file = join(dirname(mirror.cachePath), 'secrets', 'admin-token');
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    const token = (await readFile(file, 'utf8')).trim();
    stage.plantSecret(token);
    await mirror.untilLogged(file);
    const { adminAddress } = mirror;
    for (const target of ['/api/v1/status', '/api/v1/events', '/api/v1/openapi.json', '/api/v1/jobs']) {
      const { status, headers, json } = await ask(adminAddress, target);
      expect([status, headers['www-authenticate']]).toEqual([401, 'Bearer']);
      expectToFit('/status', 'GET', status, json);
    }
    expect((await askToChange(adminAddress, '/api/v1/purge', { references: ['team/app'] })).status).toBe(401);
    for (const target of ['/livez', '/readyz', '/metrics']) expect((await ask(adminAddress, target)).status).toBe(200);
    const bearer = { authorization: `Bearer ${token}` };
    expect((await ask(adminAddress, '/api/v1/status', { headers: bearer })).status).toBe(200);
    expect((await ask(adminAddress, '/api/v1/status', { headers: { authorization: 'Bearer x' } })).status).toBe(401);

    await mirror.terminate();
    await mirror.start();
    expect((await ask(adminAddress, '/api/v1/status', { headers: bearer })).status).toBe(200);
  });

  test('can have a browser do it', async () => {
    const { mirror } = await setUp();
    const foreign = [
      { origin: 'https://evil.example' },
      { 'sec-fetch-site': 'cross-site' },
      { host: 'evil.example' },
      { 'content-type': 'text/plain' },
    ];
    for (const headers of foreign) {
      const { status, json } = await askToChange(
        mirror.adminAddress,
        '/api/v1/purge',
        { references: ['team/app'] },
        headers,
      );
      expect(status).toBe('content-type' in headers ? 415 : 403);
      expectToFit('/purge', 'POST', status, json);
    }
    const { headers } = await ask(mirror.adminAddress, '/');
    expect(headers).toMatchObject({
      'content-security-policy': expect.stringContaining("default-src 'none'; script-src 'self'"),
      'x-content-type-options': 'nosniff',
    });
  });
});

test('whoever listens to events is let go when the mirror ends', async () => {
  const { mirror } = await setUp();
  const events = await listen(mirror);
  expect(await mirror.terminate()).toBe(0);
  await events.until(() => events.hasEnded);
  await mirror.start();
});
