import type { ComponentChildren } from 'preact';
import type { Traffic } from '../../admin/api-types.ts';
import { formatBytes, formatCount, formatCounted, formatPercent } from '../format.ts';
import { Age } from '../parts/age.tsx';

/** Whether the cache is worth its disk. */
export function SavingsNumbers({ traffic }: { readonly traffic: Traffic }) {
  const { requests, hits, hitRatio, byteHitRatio, servedBytes, savedBytes, fetchedBytes, since } = traffic;
  return (
    <section aria-label="Savings">
      <dl class="numbers">
        <Number name="Hit ratio" value={hitRatio === null ? '–' : formatPercent(hitRatio)}>
          {requests === 0
            ? 'No pulls yet'
            : `${formatCount(hits)} of ${formatCounted(requests, 'request')} without upstream`}
        </Number>
        <Number name="Hit ratio by bytes" value={byteHitRatio === null ? '–' : formatPercent(byteHitRatio)}>
          {servedBytes === 0 ? 'Nothing served yet' : 'of what was served came from the cache'}
        </Number>
        <Number name="Saved" value={formatBytes(savedBytes)}>
          {`of ${formatBytes(servedBytes)} served`}
        </Number>
        <Number name="Fetched" value={formatBytes(fetchedBytes)}>
          from upstream, counted since <Age at={since} />
        </Number>
      </dl>
    </section>
  );
}

interface NumberProps {
  readonly name: string;
  readonly value: string;
  readonly children: ComponentChildren;
}

function Number({ name, value, children }: NumberProps) {
  return (
    <div class="number">
      <dt>{name}</dt>
      <dd class="number-value">{value}</dd>
      <dd class="number-note">{children}</dd>
    </div>
  );
}
