/** How long a number of connections is watched before one more is tried. */
export const rampWindowMs = 500;
const worthwhileGain = 1.2;
/** Windows until one more is tried again after it did not pay: the noise of one window must not decide for good. */
const firstHold = 4;
const maxHold = 32;

/**
 * How many connections a fill uses: one more each window, as long as the last one raised the rate by a fifth.
 */
export class Ramp {
  readonly #maxConnections: number;
  #allowed = 1;
  /** Rate of the best window with one connection less. */
  #baseRate = 0;
  #windowBytes = 0;
  /** Whether as many as are allowed have been seen receiving at once. */
  #isWatching = false;
  #hold = firstHold;
  #holdLeft = 0;

  constructor(maxConnections: number) {
    this.#maxConnections = maxConnections;
  }

  get allowed(): number {
    return this.#allowed;
  }

  received(bytes: number): void {
    this.#windowBytes += bytes;
  }

  /**
   * So many connections receive bytes now. True when a window is to begin here: what a new connection is worth
   * shows only when it has been opened, which takes several round trips.
   */
  watch(receiving: number): boolean {
    if (this.#isWatching || receiving !== this.#allowed) return false;
    this.#isWatching = true;
    this.#windowBytes = 0;
    return true;
  }

  /** Ends a window in which `running` connections were open. */
  endWindow(elapsedMs: number, running: number): void {
    const rate = this.#windowBytes / Math.max(elapsedMs, 1);
    this.#windowBytes = 0;
    // A window with fewer connections, with one that is only ending, or with none receiving, says nothing about one more.
    if (!this.#isWatching || running !== this.#allowed || rate === 0) return;
    if (this.#holdLeft > 0) {
      this.#holdLeft--;
      if (this.#holdLeft === 0) this.#tryOneMore(rate);
      return;
    }
    if (this.#allowed > 1 && rate < this.#baseRate * worthwhileGain) {
      this.#allow(this.#allowed - 1);
      this.#holdLeft = this.#hold;
      this.#hold = Math.min(this.#hold * 2, maxHold);
      return;
    }
    this.#tryOneMore(rate);
  }

  #tryOneMore(rate: number): void {
    if (this.#allowed === this.#maxConnections) {
      // All are in use and pay; there is nothing left to find out.
      this.#baseRate = 0;
      return;
    }
    this.#baseRate = rate;
    this.#allow(this.#allowed + 1);
  }

  #allow(connections: number): void {
    this.#allowed = connections;
    this.#isWatching = false;
  }
}
