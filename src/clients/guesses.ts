import { LRUCache } from 'lru-cache';
import type { Clock } from '../telemetry/clock.ts';
import { findParty } from '../telemetry/party.ts';

/** How those who guess are slowed down: each party by itself. */
export interface Guesses {
  /** Whether a login may be checked, and when. */
  judge(address: string): Judgement;
  /** A login was wrong. */
  fail(address: string): void;
}

/** `delayMs` before it may be checked, 0 most of the time; or it is refused, and may come again after `retryAfterMs`. */
export type Judgement = { readonly delayMs: number } | { readonly retryAfterMs: number };

/** So many wrong logins a minute cost nothing. */
const freeFailures = 10;
/** For those beyond: 0.25, 0.5, 1, 2 and 4 s. */
const delayedFailures = 5;
const firstDelayMs = 250;
/** One is forgotten in this time: ten a minute. */
const forgetMs = 6_000;
/** The longest quiet go first. */
const maxParties = 10_000;

export function createGuesses(clock: Clock): Guesses {
  /** Failures that are not forgotten, with fractions, as they were at `atMs`. */
  const levels = new LRUCache<string, { readonly level: number; readonly atMs: number }>({ max: maxParties });

  function levelOf(party: string): number {
    const { level, atMs } = levels.get(party) ?? { level: 0, atMs: 0 };
    return Math.max(0, level - (clock.monotonicMs() - atMs) / forgetMs);
  }

  return {
    judge(address) {
      const level = levelOf(findParty(address));
      const excess = Math.ceil(level - freeFailures + 1e-9);
      if (level < freeFailures) return { delayMs: 0 };
      if (excess <= delayedFailures) return { delayMs: firstDelayMs * 2 ** (excess - 1) };
      return { retryAfterMs: Math.ceil((level - freeFailures - delayedFailures) * forgetMs) + 1 };
    },
    fail(address) {
      const party = findParty(address);
      levels.set(party, { level: levelOf(party) + 1, atMs: clock.monotonicMs() });
    },
  };
}
