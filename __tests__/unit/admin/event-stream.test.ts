import { afterEach, describe, expect, test } from '@jest/globals';
import type { Job } from '../../../src/admin/api-types.ts';
import { createEventStream } from '../../../src/admin/event-stream.ts';
import { createEventsRoutes } from '../../../src/admin/events-routes.ts';
import { createEvents } from '../../../src/telemetry/events.ts';
import { silentLog } from '../../../src/telemetry/log.ts';
import { ask, subscribe, type Subscription } from '../../support/admin-client.ts';
import { expectEventToFit, expectToFit } from '../../support/openapi.ts';
import { pollUntil } from '../../support/signal.ts';
import { useAdminApp } from './serve.ts';
import { createStatusFacts, fill, hub } from './status-facts.ts';

const start = useAdminApp();
const subscriptions: Subscription[] = [];
afterEach(() => {
  for (const one of subscriptions.splice(0)) {
    one.leave();
    one.events.forEach(expectEventToFit);
  }
});

const job: Job = {
  id: 'a1',
  kind: 'pull',
  origin: 'operator',
  state: 'running',
  startedAt: '2026-01-01T00:00:00.000Z',
  endedAt: null,
  items: [],
};

async function setUp(upstreams = [hub]) {
  const bench = createStatusFacts();
  const events = createEvents(silentLog);
  const stream = createEventStream({
    ...bench.facts,
    events,
    upstreams: () => upstreams,
    findJob: (id) => (id === job.id ? job : undefined),
  });
  const address = await start({ api: [createEventsRoutes(stream)] });
  const listen = async () => {
    const one = await subscribe(address);
    subscriptions.push(one);
    await one.until(() => one.comments.length > 0);
    return one;
  };
  return { ...bench, events, stream, address, listen };
}

const typesOf = ({ events }: Subscription) => events.map(({ type }) => type);

describe('events', () => {
  test('are told to everybody who listens, from then on', async () => {
    const { events, listen } = await setUp();
    events.publish({ type: 'evicted', objects: 1, bytes: 1 });
    const both = [await listen(), await listen()];
    events.publish({ type: 'evicted', objects: 2, bytes: 20 });
    for (const one of both) {
      await one.until(() => one.events.length > 0);
      expect(one.headers).toMatchObject({ 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
      expect(one.events).toEqual([{ type: 'evicted', at: '2026-01-01T00:00:00.000Z', objects: 2, bytes: 20 }]);
    }
  });

  test('give the state where there is only a name, and nothing of what is gone', async () => {
    const { events, listen } = await setUp();
    const one = await listen();
    events.publish({ type: 'upstream-changed', upstream: 'gone.test' });
    events.publish({ type: 'job-changed', id: 'gone' });
    events.publish({ type: 'upstream-changed', upstream: 'docker.io' });
    events.publish({ type: 'job-changed', id: job.id });
    events.publish({ type: 'configuration-changed' });
    await one.until(() => one.events.length === 3);
    expect(one.events).toMatchObject([
      { type: 'upstream', upstream: { name: 'docker.io', health: 'paused' } },
      { type: 'job', job },
      { type: 'configuration', configuration: { file: null } },
    ]);
  });

  test('tell the end of a fill', async () => {
    const { events, listen } = await setUp();
    const one = await listen();
    const { digest, upstream, repository } = fill;
    const end = { digest, upstream, repository, result: 'failed', sizeBytes: undefined } as const;
    events.publish({ type: 'fill-ended', ...end, durationMs: 1_500, reason: 'it broke' });
    await one.until(() => one.events.length > 0);
    expect(one.events).toMatchObject([
      { ...end, type: 'fill-ended', sizeBytes: null, durationSeconds: 1.5, error: 'it broke' },
    ]);
  });

  test('say all fills four times a second while any runs, and once when none does any more', async () => {
    const { events, fills, clock, listen } = await setUp([]);
    const one = await listen();
    clock.advance(0);
    fills.push(fill);
    events.publish({ type: 'fill-started', fill });
    await one.until(() => one.events.length === 1);
    for (let step = 0; step < 8; step += 1) clock.advance(125);
    await one.until(() => one.events.length === 5);
    fills.length = 0;
    clock.advance(1_000);
    await one.until(() => one.events.length === 6);
    clock.advance(10_000);
    expect(typesOf(one)).toEqual(['fill-started', 'fills', 'fills', 'fills', 'fills', 'fills']);
    expect(one.events.map((event) => (event['fills'] as unknown[] | undefined)?.length)).toEqual([
      undefined,
      1,
      1,
      1,
      1,
      0,
    ]);
  });

  test('show at once what runs already to who comes', async () => {
    const { fills, clock, listen } = await setUp();
    fills.push(fill);
    const one = await listen();
    clock.advance(0);
    await one.until(() => one.events.length > 0);
    expect(one.events).toMatchObject([{ type: 'fills', fills: [{ digest: fill.digest }] }]);
  });

  test('tell that a pause has ended, of which nobody else tells', async () => {
    const upstreams = [hub];
    const { clock, listen } = await setUp(upstreams);
    const one = await listen();
    upstreams[0] = { ...hub, urls: hub.urls.map((url) => ({ ...url, pauses: [] })) };
    clock.advance(1_001);
    await one.until(() => one.events.length > 0);
    clock.advance(10_000);
    expect(one.events).toMatchObject([{ type: 'upstream', upstream: { name: 'docker.io', health: 'ok' } }]);
  });
});

describe('a stream', () => {
  test('says that it is there every fifteen seconds', async () => {
    const { clock, listen } = await setUp([]);
    const one = await listen();
    clock.advance(45_000);
    await one.until(() => one.comments.length === 4);
  });

  test('does nothing when nobody listens any more', async () => {
    const { clock, fills, listen, stream } = await setUp();
    fills.push(fill);
    (await listen()).leave();
    await pollUntil(() => stream.subscribers === 0);
    expect(clock.pending).toBe(0);
  });

  test('has room for fifty, and says so to others', async () => {
    const { listen, address, stream } = await setUp([]);
    const all = await Promise.all(Array.from({ length: 50 }, listen));
    const { status, json } = await ask(address, '/api/v1/events');
    expectToFit('/events', 'GET', status, json);
    expect(status).toBe(503);
    all[0]?.leave();
    await pollUntil(() => stream.subscribers < 50);
    expect((await listen()).status).toBe(200);
  });

  test('drops who takes nothing, and nobody else', async () => {
    const { events, listen, stream, address } = await setUp([]);
    const good = await listen();
    const slow = await subscribe(address);
    subscriptions.push(slow);
    slow.pause();
    const repository = 'r'.repeat(10_000);
    for (let sent = 0; stream.subscribers === 2 && sent < 5_000; sent += 1) {
      events.publish({ type: 'fill-started', fill: { ...fill, repository } });
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(stream.subscribers).toBe(1);
    expect(good.hasEnded).toBe(false);
  });

  test('ends for everybody when it is closed, and is not opened again', async () => {
    const { listen, stream, address, clock } = await setUp();
    const both = [await listen(), await listen()];
    stream.close();
    for (const one of both) await one.until(() => one.hasEnded);
    expect((await ask(address, '/api/v1/events')).status).toBe(503);
    await pollUntil(() => stream.subscribers === 0);
    expect(clock.pending).toBe(0);
  });

  test('has headers alone for HEAD', async () => {
    const { address, stream } = await setUp();
    const asked = await ask(address, '/api/v1/events', { method: 'HEAD' });
    expect([asked.status, asked.headers['content-type']]).toEqual([200, 'text/event-stream']);
    expect(stream.subscribers).toBe(0);
  });
});
