import type { Clock } from '../../telemetry/clock.ts';

/** After upstream has wanted fewer: how many it gets, and until when it does not count that it says so again. */
interface Eased {
  limit: number;
  untilMs: number;
}

/** One large layer, or three, must not stand in the way of all others. */
const fewest = 4;
/** A pause whose end nobody has named. */
const unnamedPauseMs = 5_000;

/**
 * How many blob connections each upstream gets from all fills together: as many as configured. One that has answered 429
 * gets half of those it had then, at least four, and one more whenever as many transfers as that have gone well.
 */
export class ConnectionSlots {
  readonly #perUpstream: () => number;
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  readonly #taken = new Map<string, number>();
  readonly #eased = new Map<string, Eased>();
  readonly #queues = new Map<string, (() => void)[]>();

  constructor(perUpstream: () => number, clock: Pick<Clock, 'monotonicMs'>) {
    this.#perUpstream = perUpstream;
    this.#clock = clock;
  }

  /** True when a slot was free: it is the caller's until `release`. */
  tryTake(upstream: string): boolean {
    if (this.#free(upstream) <= 0) return false;
    this.#taken.set(upstream, this.#takenOf(upstream) + 1);
    return true;
  }

  release(upstream: string): void {
    const left = this.#takenOf(upstream) - 1;
    if (left <= 0) this.#taken.delete(upstream);
    else this.#taken.set(upstream, left);
    const queue = this.#queues.get(upstream) ?? [];
    for (let free = this.#free(upstream); free >= 1 && queue.length > 0; free -= 1) queue.shift()?.();
    if (this.#queues.get(upstream)?.length === 0) this.#queues.delete(upstream);
  }

  /**
   * Upstream has wanted to be left alone, for so long; that it tells all who ask until then, or is not even asked, counts
   * once. Call it before the slot's `release`.
   */
  throttled(upstream: string, pauseMs = unnamedPauseMs): void {
    const nowMs = this.#clock.monotonicMs();
    const eased = this.#eased.get(upstream);
    if (eased !== undefined && nowMs < eased.untilMs) eased.untilMs = Math.max(eased.untilMs, nowMs + pauseMs);
    else {
      const limit = Math.max(fewest, Math.floor(Math.min(this.#takenOf(upstream), this.#limitOf(upstream)) / 2));
      this.#eased.set(upstream, { limit, untilMs: nowMs + pauseMs });
    }
  }

  /** A transfer has gone well. Call it before the slot's `release`. */
  served(upstream: string): void {
    const eased = this.#eased.get(upstream);
    if (eased === undefined || this.#clock.monotonicMs() < eased.untilMs) return;
    eased.limit += 1 / eased.limit;
    if (eased.limit >= this.#perUpstream()) this.#eased.delete(upstream);
  }

  /** Calls back once, in order of asking, when a slot may have become free. The result takes the request back. */
  whenFree(upstream: string, onFree: () => void): () => void {
    const queue = this.#queues.get(upstream) ?? [];
    this.#queues.set(upstream, queue);
    queue.push(onFree);
    return () => {
      const index = queue.indexOf(onFree);
      if (index >= 0) queue.splice(index, 1);
    };
  }

  #takenOf(upstream: string): number {
    return this.#taken.get(upstream) ?? 0;
  }

  #limitOf(upstream: string): number {
    return Math.min(this.#perUpstream(), Math.floor(this.#eased.get(upstream)?.limit ?? Infinity));
  }

  #free(upstream: string): number {
    return this.#limitOf(upstream) - this.#takenOf(upstream);
  }
}
