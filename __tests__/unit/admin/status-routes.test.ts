import { expect, test } from '@jest/globals';
import { createSetupRoutes } from '../../../src/admin/setup-routes.ts';
import { createStatusRoutes } from '../../../src/admin/status-routes.ts';
import { ask } from '../../support/admin-client.ts';
import { expectToFit } from '../../support/openapi.ts';
import { useAdminApp } from './serve.ts';
import { createStatusFacts, fill } from './status-facts.ts';

const start = useAdminApp();

async function setUp() {
  const bench = createStatusFacts();
  const address = await start({ api: [createStatusRoutes(bench.facts)] });
  const get = async (path: string) => {
    const { status, json } = await ask(address, `/api/v1${path}`);
    expectToFit(path, 'GET', status, json);
    return json;
  };
  return { ...bench, get };
}

test('the status of a mirror that has done nothing has no ratios', async () => {
  const { get, clock, health } = await setUp();
  health.report('store', 'the disk is full');
  clock.advance(61_999);
  expect(await get('/status')).toEqual({
    version: '1.2.3',
    instance: 'rack-7',
    startedAt: '2026-01-01T00:00:00.000Z',
    uptimeSeconds: 61,
    isReady: true,
    degraded: ['the disk is full'],
    publicUrl: 'http://mirror.lan:5000',
    cache: { usedBytes: 127, maxBytes: null, contentBytes: 100, objects: 9, pinnedBytes: 11, spareBytes: null },
    traffic: {
      since: '2026-01-01T00:00:00.000Z',
      requests: 0,
      hits: 0,
      hitRatio: null,
      servedBytes: 0,
      fetchedBytes: 0,
      savedBytes: 0,
      byteHitRatio: null,
    },
    fills: { running: 0, readers: 2 },
    upstreams: [
      {
        name: 'docker.io',
        isDefault: true,
        aliases: ['index.docker.io'],
        health: 'paused',
        urls: [
          {
            url: 'https://registry-1.docker.io',
            health: 'paused',
            pauses: [{ class: 'manifests', until: '2026-01-01T00:01:02.999Z' }],
            rateLimit: { limit: 100, remaining: 76 },
          },
        ],
      },
    ],
    configuration: { file: null, loadedAt: '2026-01-01T00:00:00.000Z', problems: [] },
  });
});

test('what is saved is what was served less what was fetched, and never less than nothing', async () => {
  const { get, traffic, usage } = await setUp();
  usage.maxBytes = 1_000;
  usage.spareBytes = -5;
  traffic.request({ endpoint: 'blob', status: 200, outcome: 'hit', bytes: 300 });
  traffic.request({ endpoint: 'manifest', status: 200, outcome: 'miss', bytes: 100 });
  traffic.fetched(100);
  expect(await get('/status')).toMatchObject({
    cache: { maxBytes: 1_000, spareBytes: -5 },
    traffic: { requests: 2, hits: 1, hitRatio: 0.5, savedBytes: 300, byteHitRatio: 0.75 },
  });
  traffic.fetched(1_000);
  expect(await get('/status')).toMatchObject({ traffic: { fetchedBytes: 1_100, savedBytes: 0, byteHitRatio: 0 } });
});

test('the history says how long its steps are', async () => {
  const { get, traffic } = await setUp();
  traffic.fetched(7);
  expect(await get('/history')).toEqual({
    stepSeconds: 60,
    points: [{ at: '2026-01-01T00:00:00.000Z', requests: 0, hits: 0, servedBytes: 0, fetchedBytes: 7 }],
  });
});

test('fills are listed with what is not known yet as null', async () => {
  const { get, fills } = await setUp();
  expect(await get('/fills')).toEqual([]);
  fills.push(fill);
  const { startedMs: _, ...facts } = fill;
  expect(await get('/fills')).toEqual([{ ...facts, sizeBytes: null, startedAt: '2026-01-01T00:00:00.000Z' }]);
});

test('the set-up of clients is what it is given', async () => {
  const setup = { publicUrl: 'http://m', clients: [{ name: 'docker', text: '{}', notes: ['then restart'] }] };
  const { status, json } = await ask(await start({ api: [createSetupRoutes(() => setup)] }), '/api/v1/client-setup');
  expectToFit('/client-setup', 'GET', status, json);
  expect(json).toEqual(setup);
});
