import { formatImageName, type ImageName } from '../../oci/image-name.ts';
import type { Clock } from '../../telemetry/clock.ts';
import type { Log } from '../../telemetry/log.ts';
import type { Mirror } from '../mirror-api.ts';
import type { Job, JobOrigin } from './job.ts';
import { JobList, type StartedJob } from './job-list.ts';
import type { NewItem } from './running-job.ts';
import { pullImage, type WantedPlatforms } from './pull-image.ts';
import { Verifier, type VerifierOptions } from './verify.ts';

export interface JobsOptions extends VerifierOptions {
  /** Pulls through it start nothing else. */
  readonly mirror: Mirror;
  readonly clock: Clock;
  readonly log: Log;
  /** What is pulled of an index when nobody says. */
  readonly platforms: WantedPlatforms;
  readonly onJob: (job: Job) => void;
}

export interface PullJob {
  /** The same one twice is pulled once. */
  readonly names: readonly ImageName[];
  readonly origin: JobOrigin;
  readonly platforms: WantedPlatforms | undefined;
  /** Whether upstream is asked for tags even while they are fresh. */
  readonly isAnew: boolean;
}

/** Everything that the mirror does for its operator in the background. */
export interface Jobs {
  /** @throws MirrorError `overloaded`, `shutting-down` */
  startPull(pull: PullJob): StartedJob;
  /** Of these images, or of everything. @throws MirrorError `overloaded`, `shutting-down` */
  startVerify(names: readonly ImageName[] | undefined): StartedJob;
  find(id: string): Job | undefined;
  /** Newest first, from the one before `before` (an `order`) on. */
  list(page: { readonly before?: number; readonly limit: number }): readonly Job[];
  /** Undefined when there is no such job; harmless when it is over. */
  cancel(id: string): Job | undefined;
  /** Cancels everything and waits until nothing runs. */
  close(): Promise<void>;
}

/** Stands for everything where a reference would. */
const everything = '*';

export function createJobs(options: JobsOptions): Jobs {
  const { mirror, clock } = options;
  const list = new JobList(options);
  const verifier = new Verifier(options);
  return {
    startPull({ names, origin, isAnew, platforms = options.platforms }) {
      const items = toItems(names, async (name, progress, signal) => {
        await pullImage({ mirror, name, platforms, isAnew, progress, clock, signal });
      });
      return list.start({ kind: 'pull', origin, items });
    },
    startVerify(names) {
      const items =
        names === undefined
          ? [{ reference: everything, run: verifier.verifyAll.bind(verifier) }]
          : toItems(names, verifier.verifyImage.bind(verifier));
      return list.start({ kind: 'verify', origin: 'operator', items });
    },
    find: (id) => list.find(id),
    list: (page) => list.list(page),
    cancel: (id) => list.cancel(id),
    close: async () => await list.close(),
  };
}

type Run = NewItem['run'];

function toItems(
  names: readonly ImageName[],
  run: (name: ImageName, ...rest: Parameters<Run>) => Promise<void>,
): readonly NewItem[] {
  const byReference = new Map(names.map((name) => [formatImageName(name), name]));
  return [...byReference].map(([reference, name]) => ({
    reference,
    run: async (progress, signal) => await run(name, progress, signal),
  }));
}
