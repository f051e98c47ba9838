import type { History, Status } from '../../admin/api-types.ts';
import { useResource } from '../api/use-resource.ts';
import { useApp } from '../app-context.ts';
import { Failure } from '../parts/failure.tsx';
import { Heading } from '../parts/heading.tsx';
import { Skeleton } from '../parts/skeleton.tsx';
import { useStore } from '../store.ts';
import { ConfigurationProblems } from './configuration-problems.tsx';
import { DiskCard } from './disk-card.tsx';
import { EventsCard } from './events-card.tsx';
import { FillsCard } from './fills-card.tsx';
import { HealthLine } from './health-line.tsx';
import { RunningJobsCard } from './running-jobs-card.tsx';
import { SavingsCard } from './savings-card.tsx';
import { SavingsNumbers } from './savings-numbers.tsx';
import { UpstreamsCard } from './upstreams-card.tsx';

/** What an operator asks first. */
export function OverviewView() {
  const { live } = useApp();
  const version = useStore(live.changes);
  const status = useResource<Status>('/status', { everyMs: 5000, version });
  const history = useResource<History>('/history', { everyMs: 30_000 });
  const { value } = status;
  return (
    <>
      <Heading text="Overview" />
      {status.failure !== undefined && (
        <Failure what="The state of the mirror is not known" failure={status.failure} onRetry={status.reload} />
      )}
      {value === undefined && status.failure === undefined && <Skeleton what="the state of the mirror" lines={8} />}
      {value !== undefined && (
        <div class="overview">
          <HealthLine status={value} />
          <ConfigurationProblems configuration={value.configuration} />
          <SavingsNumbers traffic={value.traffic} />
          <div class="columns">
            <div class="stack">
              <FillsCard />
              <SavingsCard history={history} />
              <RunningJobsCard />
            </div>
            <div class="stack">
              <DiskCard cache={value.cache} />
              <UpstreamsCard upstreams={value.upstreams} />
              <EventsCard />
            </div>
          </div>
        </div>
      )}
    </>
  );
}
