/**
 * Short-lived answers: misses, lists, referrers. In memory; loses everything on restart.
 * Never throws and never hangs: a failing cache is an empty one.
 */
export interface Recent {
  /** The value, while it is younger than the `ttlMs` it was set with (monotonic time). */
  find(key: string): Promise<unknown>;
  set(key: string, value: unknown, ttlMs: number): Promise<void>;
  remove(key: string): Promise<void>;
}
