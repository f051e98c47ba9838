// Story: one client asks for more than its share, or a crowd for more than the mirror can fetch: the others are served.
import { connect, type Socket } from 'node:net';
import { afterEach, describe, expect, test } from '@jest/globals';
import { createSeededContent } from '../support/content.ts';
import { expectError, expectWhole } from '../support/expectations.ts';
import { setStage } from '../support/flow.ts';
import { createGate } from '../support/gate.ts';
import { readMetric } from '../support/metrics.ts';
import { pull, startPull } from '../support/raw-client.ts';
import { exchangeRaw } from '../support/raw-exchange.ts';
import { blobGets } from '../support/scripted-upstream.ts';
import { pollUntil } from '../support/signal.ts';

const stage = setStage();
const manifest = '/v2/team/app/manifests/latest';
const sockets: Socket[] = [];
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
});

async function setUp(config: Readonly<Record<string, unknown>>) {
  const upstream = await stage.upstream();
  const image = upstream.registry.addImage('team/app', 'latest', ['layer']);
  const mirror = await stage.mirror(upstream, config);
  return { upstream, mirror, image };
}

function open(address: string): Promise<Socket> {
  const { hostname, port } = new URL(address);
  return new Promise((resolve) => {
    const socket = connect(Number(port), hostname, () => resolve(socket));
    sockets.push(socket);
    socket.on('error', () => {});
  });
}

describe('a client that asks too often', () => {
  test('gets 429 with the time to come again, also for what is in memory, and is served then', async () => {
    const { mirror } = await setUp({ limits: { requestsPerClient: 1, burstPerClient: 10 } });
    const answers = [];
    for (let n = 0; n < 20; n++) answers.push(await pull(mirror.address, manifest));
    const refused = answers.filter(({ status }) => status === 429);
    expect(answers.slice(0, 5).map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
    // Whoever waited for the mirror to begin has asked too.
    expect(refused.length).toBeGreaterThanOrEqual(3);
    for (const one of refused) {
      expectError(one, 429, 'TOOMANYREQUESTS');
      expect(Number(one.headers['retry-after'])).toBeGreaterThan(0);
    }
    expect(await readMetric(mirror.adminAddress, 'stowage_refused_total', { reason: 'limit' })).toBeGreaterThanOrEqual(
      3,
    );
    await mirror.untilLogged('"rule":"limits.requestsPerClient"');
    await pollUntil(async () => (await pull(mirror.address, manifest)).status === 200);
    // The pulls that follow every test come at once.
    await mirror.terminate();
    await mirror.start();
  });
});

describe('a client with too many connections', () => {
  test('loses an idle one for a new one, and the new one when all are busy', async () => {
    const { mirror, upstream } = await setUp({ limits: { connectionsPerClient: 3 } });
    const count = async () => await readMetric(mirror.adminAddress, 'stowage_client_connections');
    const idle = await open(mirror.address);
    idle.write(`GET /v2/ HTTP/1.1\r\nHost: a\r\n\r\n`);
    await new Promise((resolve) => idle.once('data', resolve));
    const gate = createGate();
    upstream.always({ path: '/manifests/slow' }, { hold: gate });
    const busy = [1, 2].map(() => startPull(mirror.address, '/v2/team/app/manifests/slow'));
    await gate.reached;
    await pollUntil(async () => (await count()) === 3);
    const gone = new Promise((resolve) => idle.once('close', resolve));
    expect((await pull(mirror.address, manifest)).status).toBe(200);
    await gone;
    const third = startPull(mirror.address, '/v2/team/app/manifests/slow');
    await pollUntil(async () => (await count()) === 3);
    expect(await pull(mirror.address, manifest)).toMatchObject({ status: 0 });
    await mirror.untilLogged('"rule":"limits.connectionsPerClient"');
    gate.open();
    for (const one of [...busy, third]) expect((await one.done).status).toBe(404);
    await pollUntil(async () => (await pull(mirror.address, manifest)).status === 200);
  });
});

describe('more cold blobs than may be fetched at once', () => {
  test('wait, then are refused, while hits and what is on its way go on', async () => {
    const fill = { idleTimeout: '20s', resumeFor: '20s', maxFills: 1, maxWaiting: 1 };
    const { mirror, upstream, image } = await setUp({ fill });
    const [layer] = image.layers;
    expect((await pull(mirror.address, manifest)).status).toBe(200);
    const contents = ['one', 'two', 'three'].map((name) => createSeededContent(`cold ${name}`, 50_000));
    const [one, two, three] = contents.map((content) => {
      upstream.registry.addBlob('team/app', content);
      return { content, path: `/v2/team/app/blobs/${content.digest}` };
    });
    if (one === undefined || two === undefined || three === undefined || layer === undefined) throw new Error('three');
    const warm = `/v2/team/app/blobs/${layer.digest}`;
    expect((await pull(mirror.address, warm)).status).toBe(200);
    await pollUntil(async () => (await readMetric(mirror.adminAddress, 'stowage_fills_running')) === 0);
    const gate = createGate();
    upstream.once(blobGets, { hold: gate });
    const first = startPull(mirror.address, one.path);
    await gate.reached;
    const second = startPull(mirror.address, two.path);
    await pollUntil(async () => (await readMetric(mirror.adminAddress, 'stowage_fills_waiting')) === 1);
    const refused = await pull(mirror.address, three.path);
    expectError(refused, 503, 'UNAVAILABLE');
    expect(refused.headers['retry-after']).toBe('5');
    const follower = startPull(mirror.address, one.path);
    expect((await pull(mirror.address, warm)).status).toBe(200);
    expect((await pull(mirror.address, manifest)).status).toBe(200);
    gate.open();
    expectWhole(await first.done, one.content);
    expectWhole(await follower.done, one.content);
    expectWhole(await second.done, two.content);
    expectWhole(await pull(mirror.address, three.path), three.content);
  });
});

describe('a request that nobody sends', () => {
  test('is refused in words: too long, too many headers, too large', async () => {
    const { mirror } = await setUp({});
    expectError(await pull(mirror.address, `/v2/${'a'.repeat(17_000)}/manifests/v1`), 414, 'NAME_INVALID');
    expectError(await pull(mirror.address, `/v2/a/b/tags/list?last=${'a'.repeat(17_000)}`), 414, 'NAME_INVALID');
    const many = Object.fromEntries(Array.from({ length: 2000 }, (_, n) => [`x${n}`, '']));
    expectError(await pull(mirror.address, manifest, { headers: many }), 431, 'UNSUPPORTED');
    const raw = await exchangeRaw(mirror.address, `GET /v2/ HTTP/1.1\r\nHost: a\r\nX: ${'a'.repeat(40_000)}\r\n\r\n`);
    expect(raw).toMatch(/^HTTP\/1\.1 431 /);
    expect(raw).toContain('{"errors":[{"code":"UNSUPPORTED"');
    expect((await pull(mirror.address, manifest)).status).toBe(200);
  });

  test('and never ends is dropped, and holds nobody up', async () => {
    const { mirror } = await setUp({});
    expect((await pull(mirror.address, manifest)).status).toBe(200);
    const slow = await Promise.all(Array.from({ length: 300 }, () => open(mirror.address)));
    const dropped = slow.map((socket) => new Promise((resolve) => socket.once('close', resolve)));
    for (const socket of slow) {
      socket.write('GET /v2/ HTTP/1.1\r\nHost: a\r\nX-Slow: ');
      socket.resume();
    }
    for (let n = 0; n < 20; n++) expect((await pull(mirror.address, manifest)).status).toBe(200);
    // The time limit of headers.
    await Promise.all(dropped);
  }, 30_000);
});
