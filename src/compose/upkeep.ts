// What the mirror does for its operator rather than for a client: looks after images, runs jobs, fetches ahead.
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
  const { prefetch: wanted } = config();
  const prefetch = createPrefetch({ ...wanted, jobs, clock, log });
  const layersAhead = wanted.onPull === 'layers' ? fetchLayersAhead(mirror, { clock, log }) : undefined;
  const upstreams = () => config().upstreams;
  return {
    mirror: layersAhead?.mirror ?? mirror,
    routes: [
      createImagesRoutes({ images, upstreams, parsePin: (text) => parsePin(text, upstreams()) }),
      createJobsRoutes({ jobs, upstreams }),
    ],
    findJob(id) {
      const job = jobs.find(id);
      return job && toApiJob(job);
    },
    start: () => prefetch.start(),
    async close() {
      await Promise.all([prefetch.close(), jobs.close(), layersAhead?.close()]);
    },
  };
}
