import { useState } from 'preact/hooks';
import { useApp } from '../app-context.ts';
import { formatCounted } from '../format.ts';
import { Card } from '../parts/card.tsx';
import { Empty } from '../parts/empty.tsx';
import { Skeleton } from '../parts/skeleton.tsx';
import { useStore } from '../store.ts';
import { FillItem } from './fill-item.tsx';

/** So many say what goes on; more would push away the rest of the view. */
const mostShown = 5;

/** What is being fetched now, as it moves. */
export function FillsCard() {
  const { live } = useApp();
  const fills = useStore(live.fills);
  const connection = useStore(live.connection);
  const [isWhole, setWhole] = useState(false);
  const shown = isWhole ? fills : fills?.slice(0, mostShown);
  const isOld = connection === 'lost';
  return (
    <Card
      title="Being fetched now"
      class={isOld ? 'fills is-old' : 'fills'}
      aside={
        <span class="hint">
          {isOld
            ? 'not up to date'
            : fills !== undefined && fills.length > 0 && formatCounted(fills.length, 'transfer')}
        </span>
      }
    >
      {fills === undefined && connection !== 'lost' && <Skeleton what="what is being fetched" />}
      {fills === undefined && connection === 'lost' && (
        <Empty title="Not known">The mirror does not tell what it does. The page keeps asking.</Empty>
      )}
      {fills?.length === 0 && (
        <Empty title="Nothing is being fetched">
          A pull of something that is not here yet appears here as it runs.
        </Empty>
      )}
      {shown !== undefined && shown.length > 0 && (
        <ul class="rows">
          {shown.map((fill) => (
            <FillItem key={`${fill.upstream} ${fill.digest}`} fill={fill} />
          ))}
        </ul>
      )}
      {fills !== undefined && fills.length > mostShown && (
        <button type="button" class="small" aria-expanded={isWhole} onClick={() => setWhole(!isWhole)}>
          {isWhole ? 'Show fewer' : `Show all ${fills.length}`}
        </button>
      )}
    </Card>
  );
}
