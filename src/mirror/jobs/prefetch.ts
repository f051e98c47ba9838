import type { ImageName } from '../../oci/image-name.ts';
import { isMirrorError } from '../../oci/errors.ts';
import type { Clock, Timer } from '../../telemetry/clock.ts';
import type { Log } from '../../telemetry/log.ts';
import type { Job } from './job.ts';
import type { Jobs } from './jobs.ts';
import type { WantedPlatforms } from './pull-image.ts';

export interface PrefetchOptions {
  readonly jobs: Pick<Jobs, 'startPull' | 'cancel'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly images: readonly ImageName[];
  /** Undefined: as other jobs. */
  readonly platforms: WantedPlatforms | undefined;
  /** From the beginning of one round to that of the next; Infinity: there is only the one at the start. */
  readonly everyMs: number;
  readonly isAtStart: boolean;
}

/** Keeps the images of the configuration here and new, round by round. */
export interface Prefetch {
  /** Once, when clients can be served. */
  start(): void;
  /** Ends the round that runs, and begins no other. */
  close(): Promise<void>;
}

export function createPrefetch({ jobs, clock, log, images, platforms, everyMs, isAtStart }: PrefetchOptions): Prefetch {
  let isClosed = false;
  let timer: Timer | undefined;
  let id: string | undefined;
  let round: Promise<void> | undefined;

  function schedule(afterMs: number): void {
    if (isClosed || everyMs === Infinity) return;
    timer = clock.startTimer(afterMs, () => begin({ isAnew: true }));
  }

  /** The next one begins when this one is over and its time has come: they never overlap. */
  function begin(options: { readonly isAnew: boolean }): void {
    const startMs = clock.monotonicMs();
    round = run(options).finally(() => schedule(Math.max(0, startMs + everyMs - clock.monotonicMs())));
  }

  async function run({ isAnew }: { readonly isAnew: boolean }): Promise<void> {
    try {
      const started = jobs.startPull({ names: images, origin: 'prefetch', platforms, isAnew });
      id = started.id;
      report(await started.ended);
    } catch (error) {
      if (!isMirrorError(error)) throw error;
      log.warn({ err: error }, 'a round of prefetch could not begin');
    }
  }

  function report({ items, state }: Job): void {
    if (state === 'cancelled') return;
    for (const { reference, error } of items) {
      if (error !== undefined) log.warn({ image: reference, reason: error }, 'an image could not be prefetched');
    }
  }

  return {
    start() {
      if (isClosed || images.length === 0) return;
      // After a restart tags are believed as long as any other's; a round that is due asks.
      if (isAtStart) begin({ isAnew: false });
      else schedule(everyMs);
    },
    async close() {
      isClosed = true;
      timer?.stop();
      if (id !== undefined) jobs.cancel(id);
      await round;
    },
  };
}
