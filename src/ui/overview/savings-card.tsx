import { useMemo, useState } from 'preact/hooks';
import type { History } from '../../admin/api-types.ts';
import type { Resource } from '../api/use-resource.ts';
import { formatDuration, formatTime } from '../format.ts';
import { Card } from '../parts/card.tsx';
import { Empty } from '../parts/empty.tsx';
import { Failure } from '../parts/failure.tsx';
import { Skeleton } from '../parts/skeleton.tsx';
import { describePoint, joinPoints, sumPoints } from './chart-data.ts';
import { SavingsChart } from './savings-chart.tsx';
import { SavingsTable } from './savings-table.tsx';

/** Savings over time: drawn, in words, and as a table. */
export function SavingsCard({ history }: { readonly history: Resource<History> }) {
  const { value, failure, reload } = history;
  return (
    <Card title="Savings over time">
      {failure !== undefined && <Failure what="The history is not known" failure={failure} onRetry={reload} />}
      {value === undefined && failure === undefined && <Skeleton what="the history" lines={6} />}
      {value !== undefined && <Savings history={value} />}
    </Card>
  );
}

/** More would be drawn over each other. */
const mostDrawn = 150;

function Savings({ history }: { readonly history: History }) {
  const joined = useMemo(() => joinPoints(history, mostDrawn), [history]);
  const { points, stepSeconds } = joined;
  const [pointed, setPointed] = useState<number>();
  const point = pointed === undefined ? undefined : points[pointed];
  const sum = sumPoints(points);
  if (sum.requests === 0 && sum.servedBytes === 0)
    return (
      <Empty title="No pulls yet">What clients pull, and how much of it came from the cache, is drawn here.</Empty>
    );
  const when =
    point === undefined ? `Last ${formatDuration(history.points.length * history.stepSeconds)}` : formatTime(point.at);
  return (
    <figure class="chart">
      <SavingsChart points={points} onPoint={setPointed} />
      <figcaption>
        <p class="legend" aria-hidden="true">
          <span class="key key-served">served</span>
          <span class="key key-fetched">fetched from upstream</span>
          <span class="key key-ratio">hit ratio</span>
          <span class="hint">{`in steps of ${formatDuration(stepSeconds)}`}</span>
        </p>
        <p class="readout">{`${when}: ${describePoint(point ?? sum)}`}</p>
      </figcaption>
      <SavingsTable history={history} />
    </figure>
  );
}
