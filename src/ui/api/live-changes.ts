// What an event makes of what was known. Pure.
import type { Event, FillState, Job } from '../../admin/api-types.ts';

/** What has happened, as opposed to what is under way; `key` tells one from all others. */
export type LoggedEvent = Exclude<Event, { type: 'fill-started' | 'fills' }> & { readonly key: number };

export function changeFills(fills: readonly FillState[] | undefined, event: Event): readonly FillState[] | undefined {
  switch (event.type) {
    case 'fills':
      return event.fills;
    case 'fill-started':
      return [...(fills ?? []).filter(({ digest }) => digest !== event.fill.digest), event.fill];
    case 'fill-ended':
      return fills?.filter(({ digest }) => digest !== event.digest);
    default:
      return fills;
  }
}

/** Newest first. */
export function changeJobs(jobs: readonly Job[] | undefined, job: Job): readonly Job[] {
  const known = jobs ?? [];
  if (!known.some(({ id }) => id === job.id)) return [job, ...known];
  return known.map((other) => (other.id === job.id ? job : other));
}

/** Not what is shown elsewhere as it moves. */
export function isWorthLogging(event: Event): event is Event & Omit<LoggedEvent, 'key'> {
  if (event.type === 'job') return event.job.state !== 'running';
  return event.type !== 'fills' && event.type !== 'fill-started';
}
