import type { Clock } from '../../telemetry/clock.ts';

const slotMs = 500;
const slots = 6;

/** How many bytes a second came over the last three seconds, or since the start where that is less long ago. */
export class RateMeter {
  readonly #clock: Clock;
  readonly #startedMs: number;
  readonly #bytes = Array.from({ length: slots }, () => 0);
  /** Number of the slot that is filled now. */
  #slot: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#startedMs = clock.monotonicMs();
    this.#slot = Math.floor(this.#startedMs / slotMs);
  }

  add(bytes: number): void {
    this.#moveOn();
    const index = this.#slot % slots;
    this.#bytes[index] = (this.#bytes[index] ?? 0) + bytes;
  }

  get bytesPerSecond(): number {
    this.#moveOn();
    const nowMs = this.#clock.monotonicMs();
    const sinceMs = Math.max(this.#startedMs, (this.#slot - slots + 1) * slotMs);
    // The first bytes of a fill do not make a rate.
    const elapsedMs = Math.max(nowMs - sinceMs, slotMs);
    return Math.round((this.#bytes.reduce((sum, bytes) => sum + bytes, 0) / elapsedMs) * 1000);
  }

  #moveOn(): void {
    const slot = Math.floor(this.#clock.monotonicMs() / slotMs);
    for (let past = Math.max(this.#slot, slot - slots) + 1; past <= slot; past += 1) this.#bytes[past % slots] = 0;
    this.#slot = slot;
  }
}
