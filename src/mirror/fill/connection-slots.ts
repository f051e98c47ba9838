/** How many blob connections each upstream gets from all fills together. */
export class ConnectionSlots {
  readonly #perUpstream: () => number;
  readonly #taken = new Map<string, number>();
  readonly #queues = new Map<string, (() => void)[]>();

  constructor(perUpstream: () => number) {
    this.#perUpstream = perUpstream;
  }

  /** True when a slot was free: it is the caller's until `release`. */
  tryTake(upstream: string): boolean {
    const taken = this.#taken.get(upstream) ?? 0;
    if (taken >= this.#perUpstream()) return false;
    this.#taken.set(upstream, taken + 1);
    return true;
  }

  release(upstream: string): void {
    const left = (this.#taken.get(upstream) ?? 1) - 1;
    if (left === 0) this.#taken.delete(upstream);
    else this.#taken.set(upstream, left);
    this.#queues.get(upstream)?.shift()?.();
    if (this.#queues.get(upstream)?.length === 0) this.#queues.delete(upstream);
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
}
