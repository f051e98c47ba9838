import { JobItem } from '../jobs/job-item.tsx';
import { useApp } from '../app-context.ts';
import { Card } from '../parts/card.tsx';
import { useStore } from '../store.ts';

/** What the operator or the configuration asked for and is not done. Nothing where there is none. */
export function RunningJobsCard() {
  const { live } = useApp();
  const running = useStore(live.jobs)?.filter(({ state }) => state === 'running') ?? [];
  if (running.length === 0) return null;
  return (
    <Card title="Running jobs">
      <ul class="rows">
        {running.map((job) => (
          <JobItem key={job.id} job={job} />
        ))}
      </ul>
    </Card>
  );
}
