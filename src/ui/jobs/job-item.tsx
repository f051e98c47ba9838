import type { Job } from '../../admin/api-types.ts';
import { useAction } from '../api/use-action.ts';
import { useApp } from '../app-context.ts';
import { formatCounted, formatDuration } from '../format.ts';
import { Age } from '../parts/age.tsx';
import { Badge } from '../parts/badge.tsx';
import { JobImage } from './job-image.tsx';
import { jobTones } from './job-words.ts';

const mostShown = 25;

/** One job with its images, as it moves. */
export function JobItem({ job }: { readonly job: Job }) {
  const { live } = useApp();
  const action = useAction();
  const { id, kind, origin, state, startedAt, endedAt, items } = job;
  const what = kind === 'pull' ? 'Warm-up' : 'Verification';
  const cancel = async (): Promise<void> => {
    const result = await action.run<Job>(`/jobs/${encodeURIComponent(id)}/cancel`, {}, () => `${what} cancelled`);
    if (result !== undefined) live.takeJob(result.answer);
  };
  return (
    <li>
      <p class="row-head">
        <span class="name">
          {what}
          {origin === 'prefetch' && ' by the configuration'}
        </span>
        <span class="hint">
          {endedAt === null ? 'began ' : `took ${formatDuration(secondsBetween(startedAt, endedAt))}, ended `}
          <Age at={endedAt ?? startedAt} />
        </span>
        <Badge tone={jobTones[state]}>{state}</Badge>
        {state === 'running' && (
          <button
            type="button"
            class="small"
            aria-label={`Cancel the ${what.toLowerCase()}`}
            disabled={action.isRunning}
            onClick={() => void cancel()}
          >
            Cancel
          </button>
        )}
      </p>
      <ul class="job-images">
        {items.slice(0, mostShown).map((item) => (
          <JobImage key={item.reference} item={item} kind={kind} />
        ))}
      </ul>
      {items.length > mostShown && <p class="hint">{`and ${formatCounted(items.length - mostShown, 'more image')}`}</p>}
    </li>
  );
}

function secondsBetween(from: string, to: string): number {
  return (Date.parse(to) - Date.parse(from)) / 1000;
}
