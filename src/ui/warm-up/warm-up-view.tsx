import { useApp } from '../app-context.ts';
import { JobItem } from '../jobs/job-item.tsx';
import { Card } from '../parts/card.tsx';
import { Empty } from '../parts/empty.tsx';
import { Heading } from '../parts/heading.tsx';
import { Skeleton } from '../parts/skeleton.tsx';
import { useStore } from '../store.ts';
import { WarmUpForm } from './warm-up-form.tsx';

/** Brings images here before anybody pulls them, and shows how that goes. */
export function WarmUpView() {
  const { live } = useApp();
  const jobs = useStore(live.jobs);
  const connection = useStore(live.connection);
  return (
    <>
      <Heading text="Warm up" />
      <div class="columns">
        <WarmUpForm />
        <Card title="Jobs" class={connection === 'lost' ? 'is-old' : ''}>
          {jobs === undefined && connection !== 'lost' && <Skeleton what="the jobs" />}
          {jobs === undefined && connection === 'lost' && <Empty title="Not known">The mirror does not answer.</Empty>}
          {jobs?.length === 0 && (
            <Empty title="No jobs yet">Warm-ups and verifications appear here with their progress.</Empty>
          )}
          {jobs !== undefined && jobs.length > 0 && (
            <ul class="rows">
              {jobs.map((job) => (
                <JobItem key={job.id} job={job} />
              ))}
            </ul>
          )}
        </Card>
      </div>
    </>
  );
}
