import type { Job, JobItem } from '../../admin/api-types.ts';
import { formatBytes, formatCount, formatCounted } from '../format.ts';
import { Badge } from '../parts/badge.tsx';
import { Progress } from '../parts/progress.tsx';
import { jobTones } from './job-words.ts';

interface JobImageProps {
  readonly item: JobItem;
  readonly kind: Job['kind'];
}

/** One image of a job. */
export function JobImage({ item, kind }: JobImageProps) {
  const { reference, state, error, totalBytes, doneBytes, totalObjects, doneObjects, fetchedBytes, damagedObjects } =
    item;
  const name = reference === '*' ? 'everything in the cache' : reference;
  const isMoving = state === 'running' || state === 'waiting';
  return (
    <li>
      <p class="row-head">
        <span class="name" title={name}>
          {name}
        </span>
        {state !== 'running' && <Badge tone={jobTones[state]}>{state}</Badge>}
      </p>
      {isMoving && (
        <Progress label={name} done={doneBytes} total={state === 'running' && totalBytes === 0 ? null : totalBytes} />
      )}
      {state !== 'waiting' && totalObjects > 0 && (
        <p class="row-notes">
          <span>{`${formatBytes(doneBytes)} of ${formatBytes(totalBytes)}`}</span>
          <span>{`${formatCount(doneObjects)} of ${formatCounted(totalObjects, 'object')}`}</span>
          {kind === 'pull' && <span>{`${formatBytes(fetchedBytes)} fetched`}</span>}
          {kind === 'verify' && damagedObjects > 0 && (
            <span class="warning">{`${formatCounted(damagedObjects, 'object')} damaged and put aside`}</span>
          )}
          {kind === 'verify' && state === 'done' && damagedObjects === 0 && <span>nothing damaged</span>}
        </p>
      )}
      {error !== null && <p class="field-error">{error}</p>}
    </li>
  );
}
