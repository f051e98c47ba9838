/**
 * What happens, as the parts tell it; `createMetrics` turns it into prom-client series.
 * Labels come only from closed sets: upstream names of the config, enumerations; never repository, tag or digest.
 */
export interface Meter {
  /** A request on the mirror listener has been answered or broken off. */
  request(facts: {
    readonly endpoint: string;
    readonly method: string;
    readonly status: number;
    readonly outcome: string | undefined;
    readonly seconds: number;
    readonly bytes: number;
    readonly isComplete: boolean;
  }): void;
  /** A request to an upstream, its token service or its CDN has been answered (`status`) or has failed (`error`). */
  upstreamRequest(facts: {
    readonly upstream: string;
    readonly kind: 'manifest' | 'blob' | 'token' | 'list' | 'probe';
    readonly result: string;
    readonly seconds: number;
  }): void;
  /** Bytes of bodies received from an upstream. */
  upstreamBytes(upstream: string, bytes: number): void;
  /** A fill has ended. */
  fillEnded(facts: {
    readonly upstream: string;
    readonly result: 'committed' | 'failed' | 'parked' | 'mismatch' | 'bypassed';
    readonly seconds: number;
    readonly bytes: number;
  }): void;
  digestMismatch(upstream: string): void;
  /** A write to the store failed; pulls go on without it. */
  storeError(operation: string): void;
  evicted(objects: number, bytes: number): void;
  /** Stored content was found gone or cut (`missing`), with other bytes than its digest names (`changed`), or not readable. */
  damaged(how: 'missing' | 'changed' | 'unreadable'): void;
  /** A request was refused by what the operator wrote; told by `createAudit` alone. */
  refused(reason: 'rule' | 'limit' | 'login' | 'network' | 'token'): void;
  /** Registers a gauge that is read at each scrape. */
  gauge(name: string, help: string, read: () => number): void;
  /** The same with labels, whose values come from closed sets; what is not read at a scrape is not shown. */
  labelledGauge(facts: LabelledGauge): void;
}

export interface LabelledGauge {
  readonly name: string;
  readonly help: string;
  readonly labels: readonly string[];
  readonly read: () => readonly { readonly labels: Readonly<Record<string, string>>; readonly value: number }[];
}

export const silentMeter: Meter = {
  request() {},
  upstreamRequest() {},
  upstreamBytes() {},
  fillEnded() {},
  digestMismatch() {},
  storeError() {},
  evicted() {},
  damaged() {},
  refused() {},
  gauge() {},
  labelledGauge() {},
};
