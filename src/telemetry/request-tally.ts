import type { Meter } from './metrics.ts';

type Request = Parameters<Meter['request']>[0];

/** Requests that differ in nothing which is counted apart. */
export interface TalliedRequests {
  readonly labels: Readonly<Record<'endpoint' | 'method' | 'status' | 'outcome' | 'complete', string>>;
  count: number;
  bytes: number;
}

/** Counts requests until somebody looks: finding a counter by its labels takes longer than counting. */
export class RequestTally {
  /** Labels come from closed sets, so that there are few of these. */
  #tallied = new Map<string, TalliedRequests>();

  add({ endpoint, method, status, outcome = 'none', bytes, isComplete }: Request): void {
    const key = `${endpoint} ${method} ${status} ${outcome} ${isComplete}`;
    const known = this.#tallied.get(key);
    if (known === undefined) {
      const labels = { endpoint, method, status: String(status), outcome, complete: String(isComplete) };
      this.#tallied.set(key, { labels, count: 1, bytes });
      return;
    }
    known.count += 1;
    known.bytes += bytes;
  }

  /** What has been counted since the last time. */
  take(): readonly TalliedRequests[] {
    const tallied = [...this.#tallied.values()];
    this.#tallied = new Map();
    return tallied;
  }
}
