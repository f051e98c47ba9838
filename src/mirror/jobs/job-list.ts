import { randomBytes } from 'node:crypto';
import { MirrorError } from '../../oci/errors.ts';
import type { Clock } from '../../telemetry/clock.ts';
import type { Log } from '../../telemetry/log.ts';
import type { Job, JobKind, JobOrigin } from './job.ts';
import { RunningJob, type NewItem } from './running-job.ts';

/** Finished jobs that are kept, and those that may run or wait. */
const maxFinished = 100;
const maxUnfinished = 100;
/** Items that are worked at, all jobs together. */
const itemsAtOnce: Readonly<Record<JobKind, number>> = { pull: 2, verify: 1 };

export interface JobListOptions {
  readonly clock: Clock;
  readonly log: Log;
  /** A job has begun or ended; several times a second also when it is further than it was. */
  readonly onJob: (job: Job) => void;
}

export interface NewJob {
  readonly kind: JobKind;
  readonly origin: JobOrigin;
  readonly items: readonly NewItem[];
}

/** All jobs: few items at a time, in turns, so that a long job holds up no short one. */
export class JobList {
  readonly #options: JobListOptions;
  /** Oldest first. */
  readonly #jobs: RunningJob[] = [];
  readonly #running: Record<JobKind, number> = { pull: 0, verify: 0 };
  #lastOrder = 0;
  #isClosed = false;

  constructor(options: JobListOptions) {
    this.#options = options;
  }

  /** Starts a job. @throws MirrorError `overloaded` when too many are not finished, `shutting-down` */
  start(job: NewJob): StartedJob {
    if (this.#isClosed) throw closing();
    if (this.#jobs.filter(({ isOver }) => !isOver).length >= maxUnfinished) throw overloaded();
    const order = (this.#lastOrder += 1);
    const facts = { ...job, id: randomBytes(6).toString('hex'), order };
    const running = new RunningJob(facts, { ...this.#options, onOver: () => this.#forgetOldest() });
    this.#jobs.push(running);
    running.announce();
    this.#fill(job.kind);
    return { id: running.id, job: running.snapshot(), ended: running.ended };
  }

  find(id: string): Job | undefined {
    return this.#jobs.find((job) => job.id === id)?.snapshot();
  }

  /** Newest first: those that were started before the one of this order. */
  list({ before = Infinity, limit }: { readonly before?: number; readonly limit: number }): readonly Job[] {
    const older = this.#jobs.filter(({ order }) => order < before);
    return older
      .slice(-limit)
      .toReversed()
      .map((job) => job.snapshot());
  }

  /** Ends a job that is not over; gives it as it is then. Undefined when there is none. */
  cancel(id: string): Job | undefined {
    const job = this.#jobs.find((candidate) => candidate.id === id);
    job?.cancel();
    return job?.snapshot();
  }

  /** Cancels everything, and waits until nothing runs any more. */
  async close(): Promise<void> {
    this.#isClosed = true;
    for (const job of this.#jobs) job.cancel();
    await Promise.all(this.#jobs.map((job) => job.idle()));
  }

  #fill(kind: JobKind): void {
    while (this.#running[kind] < itemsAtOnce[kind]) {
      const job = this.#nextOf(kind);
      if (job === undefined) return;
      this.#running[kind] += 1;
      void job.runNext().finally(() => {
        this.#running[kind] -= 1;
        this.#fill(kind);
      });
    }
  }

  /** The one that has the least running, the oldest of them. */
  #nextOf(kind: JobKind): RunningJob | undefined {
    const waiting = this.#jobs.filter((job) => job.kind === kind && job.isWaiting);
    return waiting.toSorted((a, b) => a.active - b.active || a.order - b.order)[0];
  }

  #forgetOldest(): void {
    const finished = this.#jobs.filter(({ isOver }) => isOver);
    for (const job of finished.slice(0, Math.max(0, finished.length - maxFinished))) {
      this.#jobs.splice(this.#jobs.indexOf(job), 1);
    }
  }
}

export interface StartedJob {
  readonly id: string;
  /** As it is at the start. */
  readonly job: Job;
  /** Resolves with the job when it is over. */
  readonly ended: Promise<Job>;
}

function overloaded(): MirrorError {
  const message = `${maxUnfinished} jobs are running or waiting already; some of them must end, or be cancelled, first`;
  return new MirrorError({ kind: 'overloaded', message, retryAfterMs: 10_000 });
}

function closing(): MirrorError {
  return new MirrorError({ kind: 'shutting-down', message: 'the mirror is shutting down', retryAfterMs: 1000 });
}
