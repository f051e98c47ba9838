/** At most one run per key: whoever asks meanwhile gets the same result, or the same error. */
export class SingleFlight<Result> {
  readonly #running = new Map<string, Promise<Result>>();

  get size(): number {
    return this.#running.size;
  }

  /** Keys are structured, so that no two things share one by how their names are glued together. */
  async run(key: readonly unknown[], act: () => Promise<Result>): Promise<Result> {
    const text = JSON.stringify(key);
    const running = this.#running.get(text);
    if (running !== undefined) return await running;
    const started = act().finally(() => this.#running.delete(text));
    this.#running.set(text, started);
    return await started;
  }
}
