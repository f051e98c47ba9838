import { createHmac, randomBytes } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { Clock } from '../telemetry/clock.ts';
import { findParty } from '../telemetry/party.ts';
import { createGuesses } from './guesses.ts';

/** Slows down who guesses at the admin token, as with logins: each party by itself. */
export interface TokenGuesses {
  /** What may be told of a token that was compared: late, or not at all, to a party that has guessed too often. */
  settle(token: { readonly text: string; readonly isRight: boolean }, address: string): Promise<TokenVerdict>;
}

export type TokenVerdict = 'right' | 'wrong' | { readonly retryAfterMs: number };

/** A party that came with the right token is not shut out by others of the same address, as behind a proxy, for a day. */
const rememberMs = 24 * 60 * 60_000;
const maxParties = 10_000;

export function createTokenGuesses(clock: Clock): TokenGuesses {
  const guesses = createGuesses(clock);
  const perf = { now: () => clock.monotonicMs() };
  const known = new LRUCache<string, true>({ max: maxParties, ttl: rememberMs, ttlResolution: 0, perf });
  /** The last wrong token of each party, by a hash that nobody can look up. */
  const lastWrong = new LRUCache<string, string>({ max: maxParties });
  const key = randomBytes(32);

  /** The same once more is no guess: a page sends several requests with it, and a scraper goes on with an old one. */
  function countWrong(text: string, address: string): void {
    const party = findParty(address);
    const hash = createHmac('sha256', key).update(text).digest('base64');
    if (lastWrong.get(party) === hash) return;
    lastWrong.set(party, hash);
    guesses.fail(address);
  }

  return {
    async settle({ text, isRight }, address) {
      const party = findParty(address);
      if (isRight && known.has(party)) return 'right';
      const first = guesses.judge(address);
      if ('delayMs' in first && first.delayMs > 0) {
        await new Promise<void>((resolve) => clock.startTimer(first.delayMs, resolve));
      }
      // Others from there may have been wrong meanwhile. From here on nothing waits, so that no more are let through than that.
      const judgement = guesses.judge(address);
      if ('retryAfterMs' in judgement) return judgement;
      if (!isRight) {
        countWrong(text, address);
        return 'wrong';
      }
      known.set(party, true);
      return 'right';
    },
  };
}
