import { describe, expect, test } from '@jest/globals';
import { createMetrics } from '../../../src/telemetry/create-metrics.ts';

describe('metrics', () => {
  test('count what the parts tell', async () => {
    const metrics = createMetrics({ withProcess: false });
    const request = { endpoint: 'blob', method: 'GET', status: 200, outcome: 'hit', seconds: 0.2, bytes: 100 };
    metrics.request({ ...request, isComplete: true });
    metrics.request({ ...request, isComplete: true });
    metrics.request({ ...request, outcome: undefined, status: 404, isComplete: false });
    metrics.upstreamRequest({ upstream: 'ghcr.io', kind: 'token', result: '200', seconds: 1 });
    metrics.upstreamBytes('ghcr.io', 50);
    const fill = { upstream: 'ghcr.io', result: 'committed', seconds: 2, bytes: 50 } as const;
    metrics.fillEnded(fill);
    metrics.digestMismatch('ghcr.io');
    metrics.storeError('write');
    metrics.evicted(3, 300);
    const text = await metrics.render();
    for (const line of [
      'stowage_requests_total{endpoint="blob",method="GET",status="200",outcome="hit",complete="true"} 2',
      'stowage_requests_total{endpoint="blob",method="GET",status="404",outcome="none",complete="false"} 1',
      'stowage_response_bytes_total{endpoint="blob",outcome="hit"} 200',
      'stowage_request_duration_seconds_count{endpoint="blob",method="GET"} 3',
      'stowage_upstream_requests_total{upstream="ghcr.io",kind="token",result="200"} 1',
      'stowage_upstream_request_duration_seconds_sum{upstream="ghcr.io",kind="token"} 1',
      'stowage_upstream_received_bytes_total{upstream="ghcr.io"} 50',
      'stowage_fills_total{upstream="ghcr.io",result="committed"} 1',
      'stowage_fill_bytes_total{upstream="ghcr.io",result="committed"} 50',
      'stowage_fill_duration_seconds_sum{upstream="ghcr.io"} 2',
      'stowage_digest_mismatches_total{upstream="ghcr.io"} 1',
      'stowage_store_errors_total{operation="write"} 1',
      'stowage_evicted_objects_total 3',
      'stowage_evicted_bytes_total 300',
    ]) {
      expect(text.split('\n')).toContain(line);
    }
    expect(metrics.contentType).toMatch(/^text\/plain; version=0\.0\.4/);
  });

  test('read gauges at each scrape; one that fails hides no other', async () => {
    const metrics = createMetrics({ withProcess: false });
    let value = 1;
    metrics.gauge('fills_running', 'Fills under way', () => value);
    metrics.gauge('broken', 'Always fails', () => {
      throw new Error('no');
    });
    expect(await metrics.render()).toContain('\nstowage_fills_running 1\n');
    value = 2;
    const text = await metrics.render();
    expect(text).toContain('\nstowage_fills_running 2\n');
    expect(text).toContain('\nstowage_broken Nan\n');
  });

  test('let a gauge be registered again', async () => {
    const metrics = createMetrics({ withProcess: false });
    metrics.gauge('stowage_readers', 'Readers', () => 1);
    metrics.gauge('readers', 'Readers', () => 5);
    expect(await metrics.render()).toContain('\nstowage_readers 5\n');
  });

  test('include those of the process, and several sets do not disturb each other', async () => {
    const [one, other] = [createMetrics(), createMetrics()];
    one.digestMismatch('ghcr.io');
    const text = await one.render();
    expect(text).toContain('stowage_nodejs_eventloop_lag_seconds');
    expect(text).toContain('stowage_process_resident_memory_bytes');
    expect(await other.render()).not.toContain('ghcr.io');
  });
});
