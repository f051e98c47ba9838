// What the mirror does for its operator rather than for a client: looks after images, runs jobs, fetches ahead.
import { isDeepStrictEqual } from 'node:util';
import type { ApiRoutes } from '../admin/api-router.ts';
import { toApiJob } from '../admin/api-job.ts';
import type { Job } from '../admin/api-types.ts';
import { createImagesRoutes } from '../admin/images-routes.ts';
import { createJobsRoutes } from '../admin/jobs-routes.ts';
import type { Config } from '../config/config.ts';
import { parsePin } from '../config/pins.ts';
import { Images } from '../mirror/images/images.ts';
import { createJobs } from '../mirror/jobs/jobs.ts';
import { fetchLayersAhead } from '../mirror/jobs/layers-ahead.ts';
import { localPlatform } from '../mirror/jobs/local-platform.ts';
import { createPrefetch } from '../mirror/jobs/prefetch.ts';
import type { Mirror } from '../mirror/mirror-api.ts';
import type { Store } from '../store/open-store.ts';
import type { Clock } from '../telemetry/clock.ts';
import type { Events } from '../telemetry/events.ts';
import type { Log } from '../telemetry/log.ts';

export interface UpkeepParts {
  /** The one that holds now. */
  readonly config: () => Config;
  readonly mirror: Mirror;
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  readonly events: Events;
}

export interface Upkeep {
  /** The mirror as clients are to see it. */
  readonly mirror: Mirror;
  readonly routes: readonly ApiRoutes[];
  findJob(id: string): Job | undefined;
  /** Once, when clients can be served. */
  start(): void;
  /** The configuration may have changed. */
  reload(): void;
  /** Ends what it does; before the mirror is closed. */
  close(): Promise<void>;
}

export function createUpkeep({ config, mirror, store, clock, log, events }: UpkeepParts): Upkeep {
  const jobs = createJobs({
    ...store,
    mirror,
    clock,
    log,
    platforms: [localPlatform()],
    onJob: ({ id }) => events.publish({ type: 'job-changed', id }),
  });
  const images = new Images({
    ...store,
    log,
    configuredPins: () => config().cache.pins,
    onStoreError: (operation, error) => store.faults.report(operation, error),
  });
  let wanted = config().prefetch;
  let prefetch = createPrefetch({ ...wanted, jobs, clock, log });
  let ending = Promise.resolve();
  const layersAhead = fetchLayersAhead(mirror, { clock, log, isWanted: () => config().prefetch.onPull === 'layers' });
  const upstreams = () => config().upstreams;
  return {
    mirror: layersAhead.mirror,
    routes: [
      createImagesRoutes({ images, upstreams, parsePin: (text) => parsePin(text, upstreams()) }),
      createJobsRoutes({ jobs, upstreams }),
    ],
    findJob(id) {
      const job = jobs.find(id);
      return job && toApiJob(job);
    },
    start: () => prefetch.start(),
    reload() {
      if (isDeepStrictEqual(wanted, config().prefetch)) return;
      wanted = config().prefetch;
      const last = prefetch;
      prefetch = createPrefetch({ ...wanted, jobs, clock, log });
      const next = prefetch;
      // Rounds never overlap; one that was to begin is given up when there is a newer configuration.
      ending = ending.then(() => last.close()).then(() => (next === prefetch ? next.start() : undefined));
    },
    async close() {
      await Promise.all([prefetch.close(), jobs.close(), layersAhead.close(), ending]);
    },
  };
}
