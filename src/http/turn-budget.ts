/** At 1 GB/s some milliseconds; one client alone never meets it. */
const defaultBytesPerTurn = 4 * 1024 * 1024;

interface Waiting {
  readonly bytes: number;
  readonly go: () => void;
}

/**
 * Bounds what all bodies together write in one turn of the event loop. When thousands of clients take their bytes at
 * once, nothing else would come to its turn meanwhile. Who comes too late is the first in the next one.
 */
export class TurnBudget {
  readonly #bytesPerTurn: number;
  #left: number;
  #waiting: Waiting[] = [];
  #isTurnAwaited = false;

  constructor(bytesPerTurn = defaultBytesPerTurn) {
    this.#bytesPerTurn = bytesPerTurn;
    this.#left = bytesPerTurn;
  }

  /** Undefined: write at once. */
  take(bytes: number): Promise<void> | undefined {
    this.#awaitTurn();
    if (this.#left > 0 && this.#waiting.length === 0) {
      this.#left -= bytes;
      return undefined;
    }
    return new Promise((go) => this.#waiting.push({ bytes, go }));
  }

  #awaitTurn(): void {
    if (this.#isTurnAwaited) return;
    this.#isTurnAwaited = true;
    setImmediate(() => this.#beginTurn());
  }

  #beginTurn(): void {
    this.#isTurnAwaited = false;
    this.#left = this.#bytesPerTurn;
    let count = 0;
    for (const { bytes, go } of this.#waiting) {
      if (this.#left <= 0) break;
      this.#left -= bytes;
      count += 1;
      go();
    }
    this.#waiting.splice(0, count);
    if (this.#waiting.length > 0) this.#awaitTurn();
  }
}
