import type { Clock } from '../telemetry/clock.ts';

/** What is paused together: lists are manifests. A closed set, fit for a metric's label. */
export type PressureClass = 'manifests' | 'blobs' | 'tokens';

/** Whose limit a request counts against. */
export type Account = 'anonymous' | 'login' | CallerAccount;
/** A client whose own login is passed through: its limits are nobody else's. */
export type CallerAccount = `caller ${string}`;

export function isCallerAccount(account: Account): account is CallerAccount {
  return account.startsWith('caller ');
}

export const pressureClasses: readonly PressureClass[] = ['manifests', 'blobs', 'tokens'];

/** A pause that holds now. */
export interface Pause {
  readonly class: PressureClass;
  readonly account: Account;
  /** It came from a 429; else from a 503. */
  readonly isThrottled: boolean;
  readonly leftMs: number;
}

/** What a registry or token service answered, as far as pauses are concerned. */
export interface PauseFacts {
  readonly class: PressureClass;
  readonly account: Account;
  readonly status: number;
  /** What it asked for, already clamped. */
  readonly retryAfterMs: number | undefined;
  /** When the request went out, monotonic. */
  readonly sentMs: number;
}

interface Entry {
  readonly class: PressureClass;
  readonly account: Account;
  readonly isThrottled: boolean;
  readonly sinceMs: number;
  readonly untilMs: number;
  /** How often in a row it was up to us to choose the time. */
  readonly doublings: number;
}

const firstPauseMs = 5_000;
const longestChosenMs = 60_000;
/** Of all accounts together. */
const maxEntries = 1_000;
/** Added on top, never taken off: nobody comes back earlier than asked, and not all in the same moment. */
const jitter = 0.1;

export interface PausesOptions {
  readonly clock: Clock;
  /** From 0 to 1. */
  readonly random: () => number;
}

/** The quiet periods of one URL: 429, or 503 with Retry-After, ends a class of requests for a while. */
export class Pauses {
  readonly #options: PausesOptions;
  readonly #entries = new Map<string, Entry>();

  constructor(options: PausesOptions) {
    this.#options = options;
  }

  find(pressureClass: PressureClass, account: Account): Pause | undefined {
    const entry = this.#entries.get(keyOf(pressureClass, account));
    const leftMs = (entry?.untilMs ?? 0) - this.#options.clock.monotonicMs();
    if (entry === undefined || leftMs <= 0) return undefined;
    return { class: pressureClass, account, isThrottled: entry.isThrottled, leftMs: Math.ceil(leftMs) };
  }

  /** But for those of callers: they are many, and nobody else's business. */
  list(): readonly Pause[] {
    return [...this.#entries.values()].flatMap(({ class: name, account }) =>
      isCallerAccount(account) ? [] : (this.find(name, account) ?? []),
    );
  }

  /** Notes an answer; whether it began a pause (those that were under way with the first only prolong it). */
  note(facts: PauseFacts): boolean {
    const key = keyOf(facts.class, facts.account);
    const entry = this.#entries.get(key);
    if (facts.status === 429 || (facts.status === 503 && facts.retryAfterMs !== undefined)) {
      const isUnderWay = entry !== undefined && facts.sentMs <= entry.sinceMs;
      this.#entries.set(key, this.#createEntry(facts, entry, isUnderWay));
      this.#forgetOldCallers();
      return !isUnderWay;
    }
    // Challenges (401) come before the limit is looked at, and say nothing.
    const isSuccess = facts.status < 400 || facts.status === 404;
    if (isSuccess && entry !== undefined && facts.sentMs > entry.sinceMs) this.#entries.delete(key);
    return false;
  }

  /** Whoever makes up logins must not fill the memory. */
  #forgetOldCallers(): void {
    for (const [key, { account }] of this.#entries) {
      if (this.#entries.size <= maxEntries) break;
      if (isCallerAccount(account)) this.#entries.delete(key);
    }
  }

  #createEntry(facts: PauseFacts, before: Entry | undefined, isUnderWay: boolean): Entry {
    const { clock, random } = this.#options;
    const nowMs = clock.monotonicMs();
    const isChosen = facts.retryAfterMs === undefined;
    const doublings = (before?.doublings ?? 0) + (isChosen && !isUnderWay ? 1 : 0);
    const baseMs = facts.retryAfterMs ?? Math.min(firstPauseMs * 2 ** Math.max(doublings - 1, 0), longestChosenMs);
    const untilMs = nowMs + baseMs * (1 + jitter * random());
    return {
      class: facts.class,
      account: facts.account,
      isThrottled: facts.status === 429 || (isUnderWay && before?.isThrottled === true),
      sinceMs: isUnderWay && before !== undefined ? before.sinceMs : nowMs,
      untilMs: isUnderWay && before !== undefined ? Math.max(before.untilMs, untilMs) : untilMs,
      doublings,
    };
  }
}

function keyOf(pressureClass: PressureClass, account: Account): string {
  return `${pressureClass} ${account}`;
}
