import type { Recent } from '../../../../src/store/recent.ts';
import type { Clock } from '../../../../src/telemetry/clock.ts';

/** Short-lived answers in a map; can be made to forget everything, as a failing cache does, or to say nothing. */
export class MemoryRecent implements Recent {
  isFailing = false;
  isHanging = false;
  readonly #clock: Clock;
  readonly #entries = new Map<string, { readonly value: unknown; readonly deadlineMs: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#entries.size;
  }

  async find(key: string): Promise<unknown> {
    await (this.isHanging ? new Promise(() => {}) : Promise.resolve());
    const entry = this.isFailing ? undefined : this.#entries.get(key);
    return entry !== undefined && this.#clock.monotonicMs() < entry.deadlineMs ? entry.value : undefined;
  }

  async set(key: string, value: unknown, ttlMs: number): Promise<void> {
    await Promise.resolve();
    this.#entries.set(key, { value, deadlineMs: this.#clock.monotonicMs() + ttlMs });
  }

  async remove(key: string): Promise<void> {
    await Promise.resolve();
    this.#entries.delete(key);
  }
}
