import type { Job } from '../mirror/jobs/job.ts';
import type { Job as ApiJob } from './api-types.ts';

/** A job as the API shows it. */
export function toApiJob({ id, kind, origin, state, startedMs, endedMs, items }: Job): ApiJob {
  return {
    id,
    kind,
    origin,
    state,
    startedAt: new Date(startedMs).toISOString(),
    endedAt: endedMs === undefined ? null : new Date(endedMs).toISOString(),
    items: items.map((item) => ({ ...item, error: item.error ?? null })),
  };
}
