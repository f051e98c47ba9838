import { describe, expect, test } from '@jest/globals';
import { silentMeter } from '../../../src/telemetry/metrics.ts';
import { createTraffic, meterTraffic } from '../../../src/telemetry/traffic.ts';
import { createManualClock } from '../http/manual-clock.ts';

const minuteMs = 60_000;
const startMs = Date.UTC(2026, 0, 1);
const blob = { endpoint: 'blob', status: 200, outcome: 'hit', bytes: 100 };

/** Facts that survive, and how often each was written. */
function createMemory(facts = new Map<string, string>()) {
  const writes: string[] = [];
  return {
    facts,
    writes,
    findState: (key: string) => facts.get(key),
    async setState(key: string, value: string) {
      writes.push(key);
      facts.set(key, value);
      await Promise.resolve();
    },
  };
}

function create() {
  const clock = createManualClock(startMs);
  return { clock, traffic: createTraffic(clock) };
}

describe('what counts', () => {
  test.each([
    ['hit', 1],
    ['revalidated', 1],
    ['stale', 1],
    ['follow', 1],
    ['miss', 0],
    ['bypass', 0],
  ])('%s makes %i hits of a request', (outcome, hits) => {
    const { traffic } = create();
    traffic.request({ ...blob, outcome });
    expect(traffic.totals()).toEqual({ sinceMs: startMs, requests: 1, hits, servedBytes: 100, fetchedBytes: 0 });
  });

  test.each([
    ['lists', { ...blob, endpoint: 'tags' }],
    ['the base', { ...blob, endpoint: 'base', outcome: undefined }],
    ['errors', { ...blob, status: 404 }],
    ['clients that left before an answer', { ...blob, status: 499, outcome: undefined }],
  ])('%s do not count', (_what, facts) => {
    const { traffic } = create();
    traffic.request(facts);
    expect(traffic.totals()).toMatchObject({ requests: 0, servedBytes: 0 });
  });

  test('what upstreams send is fetched, and the meter is told as before', () => {
    const { traffic } = create();
    const told: unknown[] = [];
    const request = { ...blob, method: 'GET', seconds: 1, isComplete: true };
    const meter = meterTraffic(
      {
        ...silentMeter,
        request: (facts) => void told.push(facts),
        upstreamBytes: (...facts) => void told.push(facts),
      },
      traffic,
    );
    meter.request(request);
    meter.upstreamBytes('docker.io', 40);
    expect(traffic.totals()).toMatchObject({ requests: 1, servedBytes: 100, fetchedBytes: 40 });
    expect(told).toEqual([request, ['docker.io', 40]]);
  });
});

describe('the history', () => {
  test('has steps of a minute without gaps, the last one still running', () => {
    const { clock, traffic } = create();
    traffic.request(blob);
    clock.advance(2 * minuteMs + 1);
    traffic.request({ ...blob, outcome: 'miss' });
    traffic.fetched(70);
    expect(traffic.history()).toEqual([
      { startMs, requests: 1, hits: 1, servedBytes: 100, fetchedBytes: 0 },
      { startMs: startMs + minuteMs, requests: 0, hits: 0, servedBytes: 0, fetchedBytes: 0 },
      { startMs: startMs + 2 * minuteMs, requests: 1, hits: 0, servedBytes: 100, fetchedBytes: 70 },
    ]);
  });

  test('reaches back a day', () => {
    const { clock, traffic } = create();
    traffic.request(blob);
    clock.advance(1439 * minuteMs);
    expect(traffic.history()).toHaveLength(1440);
    expect(traffic.history()[0]).toMatchObject({ startMs, requests: 1 });
    clock.advance(minuteMs);
    expect(traffic.history()).toHaveLength(1440);
    expect(traffic.history().every(({ requests }) => requests === 0)).toBe(true);
  });

  test('forgets what a clock that went back has put into the future', () => {
    const { clock, traffic } = create();
    clock.setWall(startMs + 1000 * minuteMs);
    traffic.request(blob);
    clock.setWall(startMs + minuteMs);
    traffic.request({ ...blob, bytes: 1 });
    expect(traffic.history()).toMatchObject([
      { startMs, requests: 0 },
      { startMs: startMs + minuteMs, servedBytes: 1 },
    ]);
    clock.setWall(startMs - 100_000 * minuteMs);
    expect(traffic.history()).toMatchObject([{ startMs: startMs - 100_000 * minuteMs, requests: 0 }]);
  });
});

describe('a restart', () => {
  test('goes on with totals and history', async () => {
    const memory = createMemory();
    const first = create();
    first.traffic.restore(memory);
    first.traffic.request(blob);
    first.traffic.fetched(30);
    await first.traffic.close();

    const clock = createManualClock(startMs + 3 * minuteMs);
    const second = createTraffic(clock);
    second.request({ ...blob, outcome: 'miss' });
    second.restore(memory);
    expect(second.totals()).toEqual({ sinceMs: startMs, requests: 2, hits: 1, servedBytes: 200, fetchedBytes: 30 });
    expect(second.history().map(({ requests }) => requests)).toEqual([1, 0, 0, 1]);
  });

  test.each(['', 'null', '{}', '[]', '{"sinceMs":-1}', '{"first":1,"steps":[[1]]}', '{"first":1e99,"steps":[]}'])(
    'begins anew where %j was kept',
    (text) => {
      const { traffic } = create();
      traffic.restore(
        createMemory(
          new Map([
            ['traffic', text],
            ['traffic-history', text],
          ]),
        ),
      );
      traffic.request(blob);
      expect(traffic.totals()).toMatchObject({ sinceMs: startMs, requests: 1 });
      expect(traffic.history().at(-1)).toMatchObject({ requests: 1 });
    },
  );

  test('is prepared for once a minute at most, however much happens', () => {
    const memory = createMemory();
    const { clock, traffic } = create();
    traffic.restore(memory);
    for (let second = 0; second < 300; second += 1) {
      traffic.request(blob);
      clock.advance(1_000);
    }
    expect(memory.writes).toEqual(['traffic', 'traffic', 'traffic', 'traffic', 'traffic']);
    expect(JSON.parse(memory.facts.get('traffic') ?? '')).toMatchObject({ requests: 300 });
    clock.advance(10 * minuteMs);
    expect(memory.writes).toHaveLength(5);
    traffic.request(blob);
    clock.advance(minuteMs);
    expect(memory.writes.slice(5)).toEqual(['traffic', 'traffic-history']);
  });
});
