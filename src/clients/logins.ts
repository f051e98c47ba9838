import { createHmac, randomBytes } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { maxPasswordBytes, maxUserBytes } from '../config/htpasswd.ts';
import { MirrorError } from '../oci/errors.ts';
import type { Clock } from '../telemetry/clock.ts';
import { findParty } from '../telemetry/party.ts';
import type { AccountBook } from './accounts.ts';
import type { PasswordVerifier } from './bcrypt-pool.ts';
import { createGuesses } from './guesses.ts';
import type { Reread } from './reread.ts';
import { createSlots } from './slots.ts';

/** Whether requests carry a login of one of the accounts. */
export interface Logins {
  /** The user, or why there is none. At once where it is remembered, or needs no work. */
  check(authorization: string | undefined, address: string): LoginVerdict | Promise<LoginVerdict>;
}

export type LoginVerdict = { readonly user: string } | MirrorError;

export interface LoginsOptions {
  readonly accounts: Pick<Reread<AccountBook>, 'current' | 'onChange'>;
  readonly verifier: PasswordVerifier;
  readonly clock: Clock;
}

/** A pull of many layers costs one bcrypt. */
const rememberMs = 60_000;
const maxRemembered = 10_000;
/** Beyond, an answer would come too late for anybody; of one address fewer, so that it is not alone in the queue. */
const maxWaiting = 64;
const maxOfParty = 16;
/** The longest that `maxUserBytes` and `maxPasswordBytes` make, and the word before it. */
const maxHeaderLength = 512;

/** What is remembered is found by a hash with a key that nobody knows, and is dropped when the accounts change. */
export function createLogins({ accounts, verifier, clock }: LoginsOptions): Logins {
  const key = randomBytes(32);
  const bounds = {
    max: maxRemembered,
    ttl: rememberMs,
    ttlResolution: 0,
    perf: { now: () => clock.monotonicMs() },
  };
  const remembered = new LRUCache<string, { readonly user: string }>(bounds);
  /** From where each was right, by party and hash. */
  const origins = new LRUCache<string, true>(bounds);
  accounts.onChange(() => {
    remembered.clear();
    origins.clear();
  });
  const guesses = createGuesses(clock);
  const slots = createSlots({ size: verifier.size, maxWaiting });
  /** By address and hash of the login: what is asked at the same time is asked once. */
  const running = new Map<string, Promise<LoginVerdict>>();
  const counts = new Map<string, number>();

  async function verify(login: Login, address: string): Promise<LoginVerdict> {
    const delay = findDelay(address);
    if (delay instanceof MirrorError) return delay;
    if (delay > 0) await new Promise<void>((resolve) => clock.startTimer(delay, resolve));
    const release = await slots.acquire();
    if (release === undefined) return overloaded();
    try {
      // Others from there may have been wrong while this one waited.
      const later = findDelay(address);
      return later instanceof MirrorError ? later : await compare(login, address);
    } catch {
      return overloaded();
    } finally {
      release();
    }
  }

  function findDelay(address: string): number | MirrorError {
    const judgement = guesses.judge(address);
    return 'delayMs' in judgement ? judgement.delayMs : throttled(judgement.retryAfterMs);
  }

  /** Whoever guesses is not told of what others are logged in with. */
  function isTrusted(hash: string, address: string): boolean {
    const origin = `${findParty(address)} ${hash}`;
    if (origins.has(origin)) return true;
    const judgement = guesses.judge(address);
    if (!('delayMs' in judgement) || judgement.delayMs > 0) return false;
    origins.set(origin, true);
    return true;
  }

  async function compare({ user, password, hash }: Login, address: string): Promise<LoginVerdict> {
    const book = accounts.current;
    const { isKnown, hashes } = book.findHashes(user);
    const isRight = await verifier.verify(password, hashes);
    // A login that has been taken away meanwhile is not let in once more.
    if (book !== accounts.current) return await compare({ user, password, hash }, address);
    if (!isRight || !isKnown) {
      guesses.fail(address);
      return loginNeeded();
    }
    const verdict = { user };
    remembered.set(hash, verdict);
    origins.set(`${findParty(address)} ${hash}`, true);
    return verdict;
  }

  function start(login: Login, address: string): Promise<LoginVerdict> | LoginVerdict {
    const name = `${address} ${login.hash}`;
    const same = running.get(name);
    if (same !== undefined) return same;
    const party = findParty(address);
    const count = counts.get(party) ?? 0;
    if (count >= maxOfParty) return overloaded();
    counts.set(party, count + 1);
    const verdict = verify(login, address).finally(() => {
      running.delete(name);
      const left = (counts.get(party) ?? 1) - 1;
      if (left === 0) counts.delete(party);
      else counts.set(party, left);
    });
    running.set(name, verdict);
    return verdict;
  }

  return {
    check(authorization, address) {
      const bytes = findCredentials(authorization);
      if (bytes === undefined) return loginNeeded();
      const hash = createHmac('sha256', key).update(bytes).digest('base64');
      const known = remembered.get(hash);
      if (known !== undefined && isTrusted(hash, address)) return known;
      const parts = splitCredentials(bytes);
      return parts === undefined ? loginNeeded() : start({ ...parts, hash }, address);
    },
  };
}

interface Login {
  readonly user: string;
  readonly password: string;
  readonly hash: string;
}

/** RFC 7617. */
function findCredentials(authorization: string | undefined): Buffer | undefined {
  if (authorization === undefined || authorization.length > maxHeaderLength) return undefined;
  const [, text] = /^Basic +([A-Za-z0-9+/]+={0,2})$/i.exec(authorization) ?? [];
  return text === undefined ? undefined : Buffer.from(text, 'base64');
}

/** Undefined for what can be no login, whoever it is of: nothing is worked through for it, and it counts as no guess. */
function splitCredentials(bytes: Buffer): Omit<Login, 'hash'> | undefined {
  const colon = bytes.indexOf(':');
  if (colon < 1 || colon > maxUserBytes || bytes.length - colon - 1 > maxPasswordBytes) return undefined;
  const text = bytes.toString('utf8');
  // Of what is no UTF-8, several texts would become one; control characters stand in no login, and bcrypt ends at NUL.
  if (text.includes('\ufffd') || /\p{Cc}/u.test(text)) return undefined;
  const end = text.indexOf(':');
  return { user: text.slice(0, end), password: text.slice(end + 1) };
}

/** The same for whoever it is. */
function loginNeeded(): MirrorError {
  return new MirrorError({ kind: 'login-required', message: 'a login of this mirror is needed' });
}

function throttled(retryAfterMs: number): MirrorError {
  const message = 'too many wrong logins came from this address';
  return new MirrorError({ kind: 'login-throttled', message, retryAfterMs });
}

function overloaded(): MirrorError {
  return new MirrorError({ kind: 'overloaded', message: 'too many logins wait to be checked', retryAfterMs: 1_000 });
}
