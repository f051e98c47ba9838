import type { Clock, Timer } from '../telemetry/clock.ts';

export interface SpacedTaskOptions {
  readonly clock: Clock;
  /** Between the beginning of one run and that of the next, unless it is urgent. */
  readonly everyMs: number;
  /** Asked whenever somebody asks for a run. */
  isUrgent(): boolean;
  /** Must not reject. */
  run(): Promise<void>;
}

/** Runs a task soon, once for all who ask for it meanwhile, one run after the other. The owner must `close` it. */
export class SpacedTask {
  readonly #options: SpacedTaskOptions;
  #isAsked = false;
  #isClosed = false;
  #awaited = 0;
  #beganMs = -Infinity;
  #running: Promise<void> | undefined;
  #hurry: (() => void) | undefined;

  constructor(options: SpacedTaskOptions) {
    this.#options = options;
  }

  /** What changes in this turn of the loop is seen by the run. */
  ask(): void {
    if (this.#isClosed) return;
    this.#isAsked = true;
    if (this.#isUrgent()) this.#hurry?.();
    this.#running ??= this.#runOnce().finally(() => {
      this.#running = undefined;
      if (this.#isAsked) this.ask();
    });
  }

  /** Resolves when the task has run since it was last asked for. */
  async settled(): Promise<void> {
    this.#awaited += 1;
    this.#hurry?.();
    while (this.#running !== undefined) await this.#running;
    this.#awaited -= 1;
  }

  /** Resolves when the last run is over. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#isAsked = false;
    this.#hurry?.();
    await this.#running;
  }

  #isUrgent(): boolean {
    return this.#awaited > 0 || this.#options.isUrgent();
  }

  async #runOnce(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    await this.#untilDue();
    if (this.#isClosed) return;
    this.#isAsked = false;
    this.#beganMs = this.#options.clock.monotonicMs();
    await this.#options.run();
  }

  async #untilDue(): Promise<void> {
    const { clock, everyMs } = this.#options;
    const waitMs = this.#beganMs + everyMs - clock.monotonicMs();
    if (waitMs <= 0 || this.#isClosed || this.#isUrgent()) return;
    let timer: Timer | undefined;
    await new Promise<void>((resolve) => {
      this.#hurry = resolve;
      timer = clock.startTimer(waitMs, resolve);
    });
    this.#hurry = undefined;
    timer?.stop();
  }
}
