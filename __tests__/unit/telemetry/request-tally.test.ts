import { expect, test } from '@jest/globals';
import { createMetrics } from '../../../src/telemetry/create-metrics.ts';
import { RequestTally } from '../../../src/telemetry/request-tally.ts';

const hit = {
  endpoint: 'manifest',
  method: 'GET',
  status: 200,
  outcome: 'hit',
  seconds: 0.001,
  bytes: 10,
  isComplete: true,
};

test('requests are counted by all that tells them apart, until they are taken', () => {
  const tally = new RequestTally();
  tally.add(hit);
  tally.add(hit);
  tally.add({ ...hit, isComplete: false, bytes: 3 });
  tally.add({ ...hit, outcome: undefined, status: 404, bytes: 0 });
  const labels = { endpoint: 'manifest', method: 'GET', status: '200', outcome: 'hit', complete: 'true' };
  expect(tally.take()).toEqual([
    { labels, count: 2, bytes: 20 },
    { labels: { ...labels, complete: 'false' }, count: 1, bytes: 3 },
    { labels: { ...labels, status: '404', outcome: 'none' }, count: 1, bytes: 0 },
  ]);
  expect(tally.take()).toEqual([]);
});

test('every look at the numbers has all requests up to it', async () => {
  const metrics = createMetrics({ withProcess: false });
  const line = 'stowage_requests_total{endpoint="manifest",method="GET",status="200",outcome="hit",complete="true"}';
  for (const total of [1, 2, 3]) {
    metrics.request(hit);
    const text = await metrics.render();
    expect(text).toContain(`${line} ${total}\n`);
    expect(text).toContain(`stowage_response_bytes_total{endpoint="manifest",outcome="hit"} ${10 * total}\n`);
  }
});
