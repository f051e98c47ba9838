// How the service feels meanwhile: from its own metrics, and from outside.
import { Agent } from 'node:http';
import { pull } from '../raw-client.ts';
import { sleep } from './bench.ts';

/** What a watch has seen between its start and its end. */
export interface Watched {
  /** Event-loop lag, p99 of the worst of the windows between two scrapes, and of all windows the median, in ms. */
  readonly worstLagMs: number;
  readonly medianLagMs: number;
  /** Latency of a cached manifest, asked for every 5 ms, in ms. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  readonly requests: number;
  readonly failures: number;
}

export interface Watch {
  /** Resolves with the milliseconds since the start when a metric reaches the value. Rejects after `deadlineMs`. */
  until(isReached: (metrics: ReadonlyMap<string, number>) => boolean, deadlineMs: number): Promise<number>;
  stop(): Promise<Watched>;
}

const askEveryMs = 5;

/**
 * Scrapes `/metrics` every `scrapeEveryMs` (each scrape begins a new window of the lag), and asks for `path` as
 * often as told, without waiting for answers: a service that stands still is seen by all requests of that time.
 */
export async function startWatch(options: {
  readonly address: string;
  readonly adminAddress: string;
  readonly path: string;
  readonly scrapeEveryMs: number;
}): Promise<Watch> {
  const startMs = performance.now();
  const latencies: number[] = [];
  const lags: number[] = [];
  const asked = new Set<Promise<void>>();
  const agent = new Agent({ keepAlive: true });
  let failures = 0;
  let isStopped = false;

  const ask = async (): Promise<void> => {
    const pulled = await pull(options.address, options.path, { agent });
    latencies.push(pulled.totalMs);
    if (pulled.status !== 200 || !pulled.isComplete) failures += 1;
  };
  // What was before is not of this time.
  await readMetrics(options.adminAddress);
  const asking = setInterval(() => {
    const one = ask().finally(() => asked.delete(one));
    asked.add(one);
  }, askEveryMs);
  const scrape = async (): Promise<ReadonlyMap<string, number>> => {
    const metrics = await readMetrics(options.adminAddress);
    lags.push((metrics.get('stowage_nodejs_eventloop_lag_p99_seconds') ?? Number.NaN) * 1000);
    return metrics;
  };

  return {
    async until(isReached, deadlineMs) {
      for (;;) {
        await sleep(options.scrapeEveryMs);
        if (isReached(await scrape())) return performance.now() - startMs;
        if (isStopped || performance.now() - startMs > deadlineMs) throw new Error(`not within ${deadlineMs} ms`);
      }
    },
    async stop() {
      isStopped = true;
      clearInterval(asking);
      await Promise.all(asked);
      await scrape();
      agent.destroy();
      const sorted = latencies.toSorted((a, b) => a - b);
      return {
        worstLagMs: Math.max(...lags),
        medianLagMs: quantile(
          lags.toSorted((a, b) => a - b),
          0.5,
        ),
        p50Ms: quantile(sorted, 0.5),
        p99Ms: quantile(sorted, 0.99),
        maxMs: sorted.at(-1) ?? Number.NaN,
        requests: sorted.length,
        failures,
      };
    },
  };
}

function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

/** Metrics without labels. */
export async function readMetrics(adminAddress: string): Promise<ReadonlyMap<string, number>> {
  const { body } = await pull(adminAddress, '/metrics', { keepBody: true });
  const pairs = body
    .toString()
    .split('\n')
    .filter((line) => /^[a-z]/.test(line) && !line.includes('{'))
    .map((line) => line.split(' '))
    .map(([name = '', value]) => [name, Number(value)] as const);
  return new Map(pairs);
}

/** `lag p99 12 ms (worst window 20 ms), manifest p50 1.2 ms p99 5.0 ms max 30 ms of 2000`. */
export function describeWatched(watched: Watched): string {
  const ms = (value: number): string => `${value.toFixed(1)} ms`;
  const { worstLagMs, medianLagMs, p50Ms, p99Ms, maxMs, requests, failures } = watched;
  return `event-loop lag p99 ${ms(medianLagMs)} (worst window ${ms(worstLagMs)}); cached manifest p50 ${ms(p50Ms)}, p99 ${ms(p99Ms)}, max ${ms(maxMs)} of ${requests}, ${failures} failed`;
}
