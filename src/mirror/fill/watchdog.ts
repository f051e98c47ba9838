import type { Clock, Timer } from '../../telemetry/clock.ts';

/**
 * Watches bytes received from upstream, so that a connection that stalls or drips is ended also while
 * nobody reads (an HTTP client's own body timeout does not fire then). Time in `pause` does not count.
 */
export class Watchdog {
  readonly #clock: Clock;
  readonly #idleMs: number;
  readonly #minBytesPerSecond: number;
  readonly #onStall: () => void;
  #timer: Timer | undefined;
  #lastMs: number;
  #windowMs: number;
  #windowBytes = 0;
  #pausedMs: number | undefined;

  constructor(options: { clock: Clock; idleMs: number; minBytesPerSecond: number; onStall: () => void }) {
    this.#clock = options.clock;
    this.#idleMs = options.idleMs;
    this.#minBytesPerSecond = options.minBytesPerSecond;
    this.#onStall = options.onStall;
    this.#lastMs = this.#windowMs = this.#clock.monotonicMs();
    this.#arm(this.#idleMs);
  }

  received(bytes: number): void {
    this.#windowBytes += bytes;
    this.#lastMs = this.#clock.monotonicMs();
  }

  /** While we ourselves are busy with what came. */
  pause(): void {
    this.#pausedMs ??= this.#clock.monotonicMs();
  }

  resume(): void {
    if (this.#pausedMs === undefined) return;
    this.#lastMs = this.#clock.monotonicMs();
    this.#windowMs += this.#lastMs - this.#pausedMs;
    this.#pausedMs = undefined;
  }

  stop(): void {
    this.#timer?.stop();
    this.#timer = undefined;
  }

  #arm(delayMs: number): void {
    this.#timer = this.#clock.startTimer(delayMs, () => this.#check());
  }

  #check(): void {
    const nowMs = this.#clock.monotonicMs();
    if (this.#pausedMs !== undefined) {
      this.#arm(this.#idleMs);
      return;
    }
    const windowMs = nowMs - this.#windowMs;
    const isDripping = windowMs >= this.#idleMs && this.#windowBytes < (this.#minBytesPerSecond * windowMs) / 1000;
    if (nowMs - this.#lastMs >= this.#idleMs || isDripping) {
      this.#onStall();
      return;
    }
    if (windowMs >= this.#idleMs) {
      this.#windowMs = nowMs;
      this.#windowBytes = 0;
    }
    this.#arm(Math.max(1, this.#idleMs - (nowMs - Math.min(this.#lastMs, this.#windowMs))));
  }
}
