/** How long a number of connections is watched before one more is tried. */
export const rampWindowMs = 500;
const worthwhileGain = 1.2;

/**
 * How many connections a fill uses: one more each window, as long as the last one raised the rate by a fifth.
 */
export class Ramp {
  readonly #maxConnections: number;
  #allowed = 1;
  #lastRate = 0;
  #isSettled = false;
  #windowBytes = 0;

  constructor(maxConnections: number) {
    this.#maxConnections = maxConnections;
  }

  get allowed(): number {
    return this.#allowed;
  }

  received(bytes: number): void {
    this.#windowBytes += bytes;
  }

  /** Ends a window in which `running` connections were open. */
  endWindow(elapsedMs: number, running: number): void {
    const rate = this.#windowBytes / Math.max(elapsedMs, 1);
    this.#windowBytes = 0;
    // A window with fewer connections, or with none receiving, says nothing about one more.
    if (this.#isSettled || running < this.#allowed || rate === 0) return;
    if (this.#allowed > 1 && rate < this.#lastRate * worthwhileGain) {
      this.#isSettled = true;
      this.#allowed--;
      return;
    }
    this.#lastRate = rate;
    if (this.#allowed < this.#maxConnections) this.#allowed++;
    else this.#isSettled = true;
  }
}
