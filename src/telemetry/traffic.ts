import { isRecord } from '../oci/json.ts';
import type { Clock, Timer } from './clock.ts';
import type { Meter } from './metrics.ts';
import { isCount, noTraffic, TrafficHistory, type TrafficCounts, type TrafficStep } from './traffic-history.ts';

/**
 * What the mirror saves. A request is a pull of a manifest or a blob, GET or HEAD, that was answered well; a hit is one
 * for which nothing was fetched anew: `hit`, `revalidated`, `stale`, and `follow`, which shares a fetch that ran already.
 * Fetched is every body that upstreams sent, lists and tokens among them.
 */
export interface Traffic {
  /** Since `sinceMs`, wall time: earlier processes with the same cache among it. */
  totals(): TrafficCounts & { readonly sinceMs: number };
  /** The last day, oldest first, without gaps; the last step is still running. */
  history(): readonly TrafficStep[];
  /** Goes on from what the memory has, and saves into it from now on. */
  restore(memory: TrafficMemory): void;
  /** Tells the memory what has not been saved. */
  close(): Promise<void>;
  request(facts: Pick<Parameters<Meter['request']>[0], 'endpoint' | 'status' | 'outcome' | 'bytes'>): void;
  fetched(bytes: number): void;
}

/** What survives a restart; the catalog fulfils it. */
export interface TrafficMemory {
  findState(key: string): string | undefined;
  setState(key: string, value: string): Promise<void>;
}

const keys = { totals: 'traffic', history: 'traffic-history' } as const;
const saveEveryMs = 60_000;
/** Tens of kilobytes: not with every save of the totals. */
const saveHistoryEveryMs = 10 * 60_000;
const hits: ReadonlySet<string> = new Set(['hit', 'revalidated', 'stale', 'follow']);

export function createTraffic(clock: Clock): Traffic {
  let sinceMs = clock.wallMs();
  const totals = { ...noTraffic };
  const past = new TrafficHistory(sinceMs);
  let memory: TrafficMemory | undefined;
  let timer: Timer | undefined;
  let historySavedMs = clock.monotonicMs();

  async function save(withHistory: boolean): Promise<void> {
    timer?.stop();
    timer = undefined;
    const text = JSON.stringify({ sinceMs, ...totals });
    if (withHistory) historySavedMs = clock.monotonicMs();
    await Promise.all([
      memory?.setState(keys.totals, text),
      withHistory ? memory?.setState(keys.history, past.save()) : undefined,
    ]);
  }

  function saveSoon(): void {
    if (timer !== undefined || memory === undefined) return;
    timer = clock.startTimer(saveEveryMs, () => {
      void save(clock.monotonicMs() - historySavedMs >= saveHistoryEveryMs);
    });
  }

  return {
    totals: () => ({ sinceMs, ...totals }),
    history: () => past.list(clock.wallMs()),
    restore(from) {
      memory = from;
      const saved = parseTotals(from.findState(keys.totals));
      if (saved !== undefined) {
        sinceMs = Math.min(sinceMs, saved.sinceMs);
        for (const key of ['requests', 'hits', 'servedBytes', 'fetchedBytes'] as const) totals[key] += saved[key];
      }
      past.restore(from.findState(keys.history) ?? '', clock.wallMs());
      // Without it, a restart that changes nothing would begin to count from there.
      saveSoon();
    },
    async close() {
      const saved = save(true);
      memory = undefined;
      await saved;
    },
    request({ endpoint, status, outcome, bytes }) {
      if ((endpoint !== 'manifest' && endpoint !== 'blob') || status >= 400 || outcome === undefined) return;
      const step = past.at(clock.wallMs());
      const hit = hits.has(outcome) ? 1 : 0;
      totals.requests += 1;
      totals.hits += hit;
      totals.servedBytes += bytes;
      step.requests += 1;
      step.hits += hit;
      step.servedBytes += bytes;
      saveSoon();
    },
    fetched(bytes) {
      totals.fetchedBytes += bytes;
      past.at(clock.wallMs()).fetchedBytes += bytes;
      saveSoon();
    },
  };
}

/** The meter, which tells `traffic` too what it is told. */
export function meterTraffic<Some extends Meter>(meter: Some, traffic: Pick<Traffic, 'request' | 'fetched'>): Some {
  return {
    ...meter,
    request(facts) {
      meter.request(facts);
      traffic.request(facts);
    },
    upstreamBytes(upstream, bytes) {
      meter.upstreamBytes(upstream, bytes);
      traffic.fetched(bytes);
    },
  };
}

function parseTotals(text: string | undefined): (TrafficCounts & { readonly sinceMs: number }) | undefined {
  try {
    const saved: unknown = JSON.parse(text ?? 'null');
    if (!isRecord(saved)) return undefined;
    const { sinceMs, requests, hits: savedHits, servedBytes, fetchedBytes } = saved;
    const isWhole = isCount(sinceMs) && isCount(requests) && isCount(savedHits);
    if (!isWhole || !isCount(servedBytes) || !isCount(fetchedBytes)) return undefined;
    return { sinceMs, requests, hits: savedHits, servedBytes, fetchedBytes };
  } catch {
    return undefined;
  }
}
