import type { UpstreamState } from '../../admin/api-types.ts';
import { Card } from '../parts/card.tsx';
import { UpstreamItem } from './upstream-item.tsx';

/** Which upstream is in trouble, and what is left of its limits. */
export function UpstreamsCard({ upstreams }: { readonly upstreams: readonly UpstreamState[] }) {
  return (
    <Card title="Upstreams">
      <ul class="rows">
        {upstreams.map((upstream) => (
          <UpstreamItem key={upstream.name} upstream={upstream} />
        ))}
      </ul>
    </Card>
  );
}
