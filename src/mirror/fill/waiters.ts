import type { Clock, Timer } from '../../telemetry/clock.ts';

/** Readers are not woken more often than this: waking thousands for each chunk would stop everything else. */
const wakeIntervalMs = 20;
/** So few can be woken at once. */
const fewWaiters = 32;

/** Those who wait for one thing to change. */
export class Waiters {
  #waiting = new Set<() => void>();
  readonly #clock: Clock | undefined;
  #timer: Timer | undefined;

  /** With a clock, `wakeSoon` may gather wakings. */
  constructor(clock?: Clock) {
    this.#clock = clock;
  }

  /** Resolves at the next waking, or when `signal` fires. */
  wait(signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        signal?.removeEventListener('abort', wake);
        this.#waiting.delete(wake);
        resolve();
      };
      if (signal?.aborted === true) {
        resolve();
        return;
      }
      signal?.addEventListener('abort', wake, { once: true });
      this.#waiting.add(wake);
    });
  }

  wakeAll(): void {
    this.#timer?.stop();
    this.#timer = undefined;
    const waiting = this.#waiting;
    this.#waiting = new Set();
    for (const wake of waiting) wake();
  }

  wakeSoon(): void {
    if (this.#waiting.size <= fewWaiters || this.#clock === undefined) {
      this.wakeAll();
      return;
    }
    this.#timer ??= this.#clock.startTimer(wakeIntervalMs, () => this.wakeAll());
  }
}
