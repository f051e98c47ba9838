import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { LabelledGauge, Meter } from './metrics.ts';
import { RequestTally } from './request-tally.ts';

/** A `Meter` whose numbers can be read. */
export interface Metrics extends Meter {
  /** Everything in the text format of Prometheus. */
  render(): Promise<string>;
  /** The Content-Type that goes with `render`. */
  readonly contentType: string;
}

export interface MetricsOptions {
  /** Memory, descriptors, event-loop lag and the like, of this process; default true. */
  readonly withProcess?: boolean;
}

const prefix = 'stowage_';
/** From a hit in memory to a large layer over a slow line. */
const secondBuckets = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800];

/** Series in a registry of their own: a process may hold several. */
export function createMetrics({ withProcess = true }: MetricsOptions = {}): Metrics {
  const registry = new Registry();
  if (withProcess) collectDefaultMetrics({ register: registry, prefix });
  const counter = createCounters(registry);
  const histogram = createHistograms(registry);
  const tally = new RequestTally();

  return {
    request(request) {
      tally.add(request);
      histogram.requests.observe({ endpoint: request.endpoint, method: request.method }, request.seconds);
    },
    upstreamRequest({ upstream, kind, result, seconds }) {
      counter.upstreamRequests.inc({ upstream, kind, result });
      histogram.upstreamRequests.observe({ upstream, kind }, seconds);
    },
    upstreamBytes: (upstream, bytes) => counter.upstreamBytes.inc({ upstream }, bytes),
    fillEnded({ upstream, result, seconds, bytes }) {
      counter.fills.inc({ upstream, result });
      counter.fillBytes.inc({ upstream, result }, bytes);
      histogram.fills.observe({ upstream }, seconds);
    },
    digestMismatch: (upstream) => counter.digestMismatches.inc({ upstream }),
    storeError: (operation) => counter.storeErrors.inc({ operation }),
    evicted(objects, bytes) {
      counter.evictedObjects.inc(objects);
      counter.evictedBytes.inc(bytes);
    },
    damaged: (how) => counter.damaged.inc({ how }),
    refused: (reason) => counter.refused.inc({ reason }),
    gauge: (name, help, read) => addGauge(registry, { name, help, read }),
    labelledGauge: (facts) => addLabelledGauge(registry, facts),
    async render() {
      for (const { labels, count, bytes } of tally.take()) {
        const { endpoint, outcome } = labels;
        counter.requests.inc(labels, count);
        counter.responseBytes.inc({ endpoint, outcome }, bytes);
      }
      return await registry.metrics();
    },
    contentType: registry.contentType,
  };
}

function createCounters(registry: Registry) {
  const create = <Label extends string>(name: string, help: string, labelNames: readonly Label[] = []) =>
    new Counter({ name: `${prefix}${name}`, help, labelNames, registers: [registry] });
  return {
    requests: create('requests_total', 'Requests on the mirror listener, answered or broken off', [
      'endpoint',
      'method',
      'status',
      'outcome',
      'complete',
    ]),
    responseBytes: create('response_bytes_total', 'Bytes of bodies sent to clients', ['endpoint', 'outcome']),
    upstreamRequests: create('upstream_requests_total', 'Requests to upstreams, their token services and CDNs', [
      'upstream',
      'kind',
      'result',
    ]),
    upstreamBytes: create('upstream_received_bytes_total', 'Bytes of bodies received from upstreams', ['upstream']),
    fills: create('fills_total', 'Fills that have ended', ['upstream', 'result']),
    fillBytes: create('fill_bytes_total', 'Bytes received by fills that have ended', ['upstream', 'result']),
    digestMismatches: create('digest_mismatches_total', 'Content that did not match its digest', ['upstream']),
    storeErrors: create('store_errors_total', 'Failed operations of the store', ['operation']),
    damaged: create('store_damaged_total', 'Stored content that was found gone, cut or changed', ['how']),
    refused: create('refused_total', 'Requests refused by what the operator wrote', ['reason']),
    evictedObjects: create('evicted_objects_total', 'Objects removed to make room'),
    evictedBytes: create('evicted_bytes_total', 'Bytes removed to make room'),
  };
}

function createHistograms(registry: Registry) {
  const create = <Label extends string>(name: string, help: string, labelNames: readonly Label[]) =>
    new Histogram({ name: `${prefix}${name}`, help, labelNames, buckets: secondBuckets, registers: [registry] });
  return {
    requests: create('request_duration_seconds', 'From the request to the end of its answer', ['endpoint', 'method']),
    upstreamRequests: create('upstream_request_duration_seconds', 'From the request to the answer of an upstream', [
      'upstream',
      'kind',
    ]),
    fills: create('fill_duration_seconds', 'From the start of a fill until all of it is verified, or no more comes', [
      'upstream',
    ]),
  };
}

interface GaugeFacts {
  readonly name: string;
  readonly help: string;
  readonly read: () => number;
}

/** The last registration of a name counts. */
function claimName(registry: Registry, name: string): string {
  const fullName = name.startsWith(prefix) ? name : `${prefix}${name}`;
  registry.removeSingleMetric(fullName);
  return fullName;
}

function addLabelledGauge(registry: Registry, { name, help, labels, read }: LabelledGauge): void {
  const gauge = new Gauge({
    name: claimName(registry, name),
    help,
    labelNames: [...labels],
    registers: [registry],
    collect() {
      gauge.reset();
      try {
        for (const { labels: values, value } of read()) gauge.set(values, value);
      } catch {
        // One part that cannot tell its numbers must not hide all the others.
      }
    },
  });
}

function addGauge(registry: Registry, { name, help, read }: GaugeFacts): void {
  const fullName = claimName(registry, name);
  const gauge = new Gauge({
    name: fullName,
    help,
    registers: [registry],
    collect() {
      gauge.set(readSafely(read));
    },
  });
}

/** One part that cannot tell its number must not hide all the others. */
function readSafely(read: () => number): number {
  try {
    return read();
  } catch {
    return Number.NaN;
  }
}
