import type { Clock } from '../telemetry/clock.ts';
import type { TokenAnswer } from './token-request.ts';

/** A token is not used in its last 30 s, so that it does not expire on its way. */
const marginMs = 30_000;
/** Anonymous tokens are granted for any name: clients that ask for random names must not fill the memory. */
const maxTokens = 5_000;

interface Entry {
  readonly token: string;
  readonly expiresMs: number;
}

/** Tokens by what they were asked with; one request in the air for each. */
export class TokenCache {
  readonly #clock: Clock;
  readonly #tokens = new Map<string, Entry>();
  readonly #flights = new Map<string, Promise<TokenAnswer>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  find(key: string): string | undefined {
    const entry = this.#tokens.get(key);
    if (entry === undefined) return undefined;
    if (this.#clock.monotonicMs() < entry.expiresMs) return entry.token;
    this.#tokens.delete(key);
    return undefined;
  }

  /** The registry refused it. A newer one, which another request has fetched meanwhile, stays. */
  drop(key: string, token: string): void {
    if (this.#tokens.get(key)?.token === token) this.#tokens.delete(key);
  }

  /**
   * Joins the request that is in the air or starts one. It belongs to nobody: a caller that leaves ends only its
   * own wait. A failure goes to all that wait and is forgotten.
   */
  async fetch(key: string, request: () => Promise<TokenAnswer>, signal: AbortSignal | undefined): Promise<TokenAnswer> {
    let flight = this.#flights.get(key);
    if (flight === undefined) {
      flight = this.#start(key, request);
      this.#flights.set(key, flight);
    }
    return await untilAborted(flight, signal);
  }

  async #start(key: string, request: () => Promise<TokenAnswer>): Promise<TokenAnswer> {
    const askedMs = this.#clock.monotonicMs();
    try {
      const answer = await request();
      if (answer.type === 'granted')
        this.#keep(key, { token: answer.token, expiresMs: askedMs + answer.lifetimeMs - marginMs });
      return answer;
    } finally {
      this.#flights.delete(key);
    }
  }

  #keep(key: string, entry: Entry): void {
    this.#tokens.delete(key);
    this.#tokens.set(key, entry);
    for (const oldest of this.#tokens.keys()) {
      if (this.#tokens.size <= maxTokens) break;
      this.#tokens.delete(oldest);
    }
  }
}

async function untilAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return await promise;
  // The flight may fail after its last caller has left.
  promise.catch(() => {});
  signal.throwIfAborted();
  const { promise: left, reject } = Promise.withResolvers<never>();
  const onAbort = () => reject(signal.reason as Error);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([promise, left]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
