import type { IncomingHttpHeaders } from 'node:http';
import type { Clock } from '../telemetry/clock.ts';
import type { Account } from './pauses.ts';

/** What upstream last said of an account's limit (Docker Hub: `ratelimit-remaining: 76;w=21600`). */
export interface RateLimit {
  readonly account: Account;
  readonly remaining: number;
  readonly limit: number | undefined;
  readonly windowSeconds: number | undefined;
  /** Wall time, milliseconds since 1970. */
  readonly readAtMs: number;
}

interface Reading extends RateLimit {
  readonly readMonotonicMs: number;
}

/** Kept back without configuration: this share of the limit, and at least so many. */
const reserveShare = 0.1;
const minReserve = 5;
/**
 * How long a reading is believed at most: the window slides and refills, and where only GETs show the account's
 * count, one of them must find that out before the window ends.
 */
const maxReadingMs = 3_600_000;

export interface RateBudgetOptions {
  readonly clock: Clock;
  /** Requests kept back for what the cache cannot serve. */
  readonly reserve: number | undefined;
}

/** What is left of the limits of one URL, by account. */
export class RateBudget {
  readonly #options: RateBudgetOptions;
  readonly #readings = new Map<Account, Reading>();
  readonly #underWay = new Map<Account, number>();

  constructor(options: RateBudgetOptions) {
    this.#options = options;
  }

  read(account: Account, headers: IncomingHttpHeaders): void {
    const remaining = parseQuota(headers['ratelimit-remaining']);
    if (remaining === undefined) return;
    const limit = parseQuota(headers['ratelimit-limit']);
    const { clock } = this.#options;
    this.#readings.set(account, {
      account,
      remaining: remaining.count,
      limit: limit?.count,
      windowSeconds: remaining.windowSeconds ?? limit?.windowSeconds,
      readAtMs: clock.wallMs(),
      readMonotonicMs: clock.monotonicMs(),
    });
  }

  find(account: Account): RateLimit | undefined {
    const reading = this.#find(account);
    if (reading === undefined) return undefined;
    const { readMonotonicMs: _, ...limit } = reading;
    return limit;
  }

  /** Undefined while more than the reserve is left, or nobody knows; else for how long that is believed. */
  findWaitMs(account: Account): number | undefined {
    const reading = this.#find(account);
    if (reading === undefined) return undefined;
    const reserve = this.#options.reserve ?? Math.max(minReserve, Math.ceil((reading.limit ?? 0) * reserveShare));
    if (reading.remaining - (this.#underWay.get(account) ?? 0) > reserve) return undefined;
    return Math.ceil(expiryOf(reading) - this.#options.clock.monotonicMs());
  }

  /** A counted request goes out; `end` when its answer has been read. */
  spend(account: Account): { end(): void } {
    this.#underWay.set(account, (this.#underWay.get(account) ?? 0) + 1);
    return { end: () => void this.#underWay.set(account, (this.#underWay.get(account) ?? 1) - 1) };
  }

  #find(account: Account): Reading | undefined {
    const reading = this.#readings.get(account);
    return reading !== undefined && this.#options.clock.monotonicMs() < expiryOf(reading) ? reading : undefined;
  }
}

function expiryOf({ readMonotonicMs, windowSeconds }: Reading): number {
  return readMonotonicMs + Math.min((windowSeconds ?? Infinity) * 1000, maxReadingMs);
}

/** `76;w=21600`: a count, and the seconds it is for. Undefined for anything else. */
export function parseQuota(
  header: string | readonly string[] | undefined,
): { readonly count: number; readonly windowSeconds: number | undefined } | undefined {
  const text = typeof header === 'string' ? header : header?.[0];
  const [, count, window] = /^\s*(\d{1,12})\s*(?:;\s*w\s*=\s*(\d{1,9})\s*)?(?:[;,].*)?$/s.exec(text ?? '') ?? [];
  if (count === undefined) return undefined;
  return { count: Number(count), windowSeconds: window === undefined ? undefined : Number(window) };
}
