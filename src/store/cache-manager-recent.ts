import { createCache } from 'cache-manager';
import { Keyv } from 'keyv';
import { LRUCache } from 'lru-cache';
import type { Clock } from '../telemetry/clock.ts';
import type { Recent } from './recent.ts';
import { isRecord } from './record.ts';

/** A cache that takes longer is an empty one, */
const budgetMs = 250;
/** and for so long is not asked again: one pull waits, not each. */
const restMs = 10_000;

interface Entry {
  readonly value: unknown;
  /** By the monotonic clock: keyv's own `ttl` follows the wall clock, which may jump. */
  readonly deadlineMs: number;
}

/** What cache-manager is asked for; `wrap` is not, it hangs or rejects with its store. */
export interface AnswerCache {
  get(key: string): Promise<unknown>;
  set(key: string, value: unknown): Promise<unknown>;
  del(key: string): Promise<unknown>;
}

export function createRecent(options: {
  readonly clock: Clock;
  readonly maxEntries?: number;
  readonly maxBytes?: number;
  /** For tests: a cache that fails or hangs. */
  readonly cache?: AnswerCache;
}): Recent {
  const { clock } = options;
  const cache = options.cache ?? createMemoryCache(options.maxEntries ?? 10_000, options.maxBytes ?? 64 * 1024 * 1024);
  let restsUntilMs = -Infinity;

  function withinBudget(work: () => Promise<unknown>): Promise<unknown> {
    if (clock.monotonicMs() < restsUntilMs) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      const timer = clock.startTimer(budgetMs, () => {
        restsUntilMs = clock.monotonicMs() + restMs;
        resolve(undefined);
      });
      const finish = (value: unknown) => {
        timer.stop();
        resolve(value);
      };
      // `work` may also throw before it gives a promise.
      Promise.resolve()
        .then(work)
        .then(finish)
        .catch(() => finish(undefined));
    });
  }

  return {
    async find(key) {
      const entry = await withinBudget(() => cache.get(key));
      return isEntry(entry) && clock.monotonicMs() < entry.deadlineMs ? entry.value : undefined;
    },
    async set(key, value, ttlMs) {
      const entry: Entry = { value, deadlineMs: clock.monotonicMs() + ttlMs };
      await withinBudget(() => cache.set(key, entry));
    },
    async remove(key) {
      await withinBudget(() => cache.del(key));
    },
  };
}

function isEntry(value: unknown): value is Entry {
  return isRecord(value) && typeof value['deadlineMs'] === 'number';
}

/** Values are kept as they are, shared, in least-recently-used order. */
function createMemoryCache(maxEntries: number, maxBytes: number): AnswerCache {
  const entries = new LRUCache<string, object>({
    max: maxEntries,
    maxSize: maxBytes,
    sizeCalculation: (value, key) => key.length + weigh(value),
  });
  const store = {
    get: (key: string) => entries.get(key),
    set: (key: string, value: object) => entries.set(key, value),
    delete: (key: string) => entries.delete(key),
    clear: () => entries.clear(),
  };
  const keyv = new Keyv({ store });
  keyv.serialize = undefined;
  keyv.deserialize = undefined;
  return createCache({ stores: [keyv] });
}

/** About what a value takes; it need only keep a few large answers from counting like small ones. */
function weigh(value: unknown): number {
  if (typeof value === 'string') return 16 + value.length;
  if (value instanceof Uint8Array) return 64 + value.byteLength;
  if (!isRecord(value)) return 16;
  return Object.values(value).reduce<number>((sum, part) => sum + weigh(part), 64);
}
