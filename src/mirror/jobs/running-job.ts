import { isMirrorError } from '../../oci/errors.ts';
import type { Clock, Timer } from '../../telemetry/clock.ts';
import type { Log } from '../../telemetry/log.ts';
import { ItemFailure, Progress, type Job, type JobItem, type JobKind, type JobOrigin, type JobState } from './job.ts';

export interface NewItem {
  readonly reference: string;
  /** Does it. Throws `ItemFailure` or `MirrorError` when it cannot be done; ends soon after `signal` has fired. */
  run(progress: Progress, signal: AbortSignal): Promise<void>;
}

export interface RunningJobFacts {
  readonly id: string;
  readonly order: number;
  readonly kind: JobKind;
  readonly origin: JobOrigin;
  readonly items: readonly NewItem[];
}

export interface RunningJobOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly onJob: (job: Job) => void;
  onOver(): void;
}

/** Beginning and end are told at once. Somebody who looks at what is between needs no more than four pictures a second, and long lists are no small ones. */
const announceEveryMs = 250;
const announceMsPerItem = 1;

interface Item {
  readonly task: NewItem;
  readonly progress: Progress;
  state: JobItem['state'];
  error: string | undefined;
}

/** A job on its way: its items one after the other, as the list of jobs lets them. */
export class RunningJob {
  readonly id: string;
  readonly order: number;
  readonly kind: JobKind;
  /** Resolves with the job when all its items have ended. */
  readonly ended: Promise<Job>;
  readonly #facts: RunningJobFacts;
  readonly #options: RunningJobOptions;
  readonly #items: readonly Item[];
  readonly #startedMs: number;
  readonly #stop = new AbortController();
  readonly #over = Promise.withResolvers<Job>();
  readonly #running = new Set<Promise<void>>();
  #endedMs: number | undefined;
  #next = 0;
  #timer: Timer | undefined;

  constructor(facts: RunningJobFacts, options: RunningJobOptions) {
    this.#facts = facts;
    this.#options = options;
    ({ id: this.id, order: this.order, kind: this.kind } = facts);
    this.ended = this.#over.promise;
    this.#startedMs = options.clock.wallMs();
    this.#items = facts.items.map((task) => {
      const progress = new Progress(() => this.#announceSoon());
      return { task, progress, state: 'waiting', error: undefined };
    });
  }

  get isOver(): boolean {
    return this.#endedMs !== undefined;
  }

  get isWaiting(): boolean {
    return !this.isOver && this.#next < this.#items.length;
  }

  /** Items that are worked at. */
  get active(): number {
    return this.#running.size;
  }

  snapshot(): Job {
    const { id, order, kind, origin } = this.#facts;
    const times = { startedMs: this.#startedMs, endedMs: this.#endedMs };
    return { id, order, kind, origin, state: this.#state(), ...times, items: this.#items.map(toJobItem) };
  }

  /** Tells how it is now. */
  announce(): void {
    this.#timer?.stop();
    this.#timer = undefined;
    this.#options.onJob(this.snapshot());
  }

  /** Works at the next item that waits; never rejects. */
  async runNext(): Promise<void> {
    const item = this.#items[this.#next];
    this.#next += 1;
    if (item === undefined || this.isOver) return;
    const run = this.#run(item);
    this.#running.add(run);
    await run;
    this.#running.delete(run);
  }

  cancel(): void {
    if (this.isOver) return;
    for (const item of this.#items) {
      if (item.state === 'waiting' || item.state === 'running') item.state = 'cancelled';
    }
    this.#stop.abort();
    this.#finishIfDone();
  }

  /** Resolves when nothing of it runs any more. */
  async idle(): Promise<void> {
    await Promise.all(this.#running);
  }

  async #run(item: Item): Promise<void> {
    item.state = 'running';
    this.#announceSoon();
    try {
      await item.task.run(item.progress, this.#stop.signal);
      if (!this.#stop.signal.aborted) item.state = 'done';
    } catch (error) {
      if (this.#stop.signal.aborted) return;
      item.state = 'failed';
      item.error = this.#describe(item, error);
    }
    this.#finishIfDone();
    this.#announceSoon();
  }

  #describe({ task }: Item, error: unknown): string {
    if (error instanceof ItemFailure || isMirrorError(error)) return error.message;
    this.#options.log.error({ job: this.id, reference: task.reference, err: error }, 'a job failed by a bug');
    return 'internal error';
  }

  #finishIfDone(): void {
    if (this.isOver || this.#items.some(({ state }) => state === 'waiting' || state === 'running')) return;
    this.#endedMs = this.#options.clock.wallMs();
    this.announce();
    const { id, kind, origin } = this.#facts;
    this.#options.log.info({ job: id, kind, origin, items: this.#items.length }, `job ${this.#state()}`);
    this.#options.onOver();
    this.#over.resolve(this.snapshot());
  }

  #state(): JobState {
    if (!this.isOver) return 'running';
    if (this.#stop.signal.aborted) return 'cancelled';
    return this.#items.some(({ state }) => state === 'failed') ? 'failed' : 'done';
  }

  #announceSoon(): void {
    if (this.isOver) return;
    const waitMs = Math.max(announceEveryMs, this.#items.length * announceMsPerItem);
    this.#timer ??= this.#options.clock.startTimer(waitMs, () => this.announce());
  }
}

function toJobItem({ task, state, error, progress }: Item): JobItem {
  const { totalBytes, doneBytes, totalObjects, doneObjects, fetchedBytes, damagedObjects } = progress;
  const counts = { totalBytes, doneBytes, totalObjects, doneObjects, fetchedBytes, damagedObjects };
  return { reference: task.reference, state, error, ...counts };
}
