import type { CacheUse, Job } from '../../admin/api-types.ts';
import { useAction } from '../api/use-action.ts';
import { useApp } from '../app-context.ts';
import { formatBytes, formatCount, formatPercent } from '../format.ts';
import { Card } from '../parts/card.tsx';
import { Meter } from '../parts/meter.tsx';

/** Little room on the file system is trouble whatever the quota says. */
const littleBytes = 1024 ** 3;

/** How full the cache is, and what the file system has left. */
export function DiskCard({ cache }: { readonly cache: CacheUse }) {
  const { usedBytes, maxBytes, contentBytes, objects, pinnedBytes, spareBytes } = cache;
  const text = maxBytes === null ? `${formatBytes(usedBytes)}, no limit` : formatUse(usedBytes, maxBytes);
  const { live } = useApp();
  const action = useAction();
  const verify = async (): Promise<void> => {
    const result = await action.run<Job>('/verify', {}, () => 'The verification of everything has begun');
    if (result !== undefined) live.takeJob(result.answer);
  };
  const isTight =
    spareBytes !== null && spareBytes < littleBytes && (maxBytes === null || maxBytes - usedBytes > spareBytes);
  return (
    <Card
      title="Disk"
      aside={
        <button type="button" class="small" disabled={action.isRunning} onClick={() => void verify()}>
          Verify everything
        </button>
      }
    >
      <p class="figure">{text}</p>
      {maxBytes !== null && (
        <Meter
          label="Used of the cache"
          value={usedBytes}
          limit={maxBytes}
          text={text}
          tone={isTight ? 'warn' : 'plain'}
        />
      )}
      <dl class="facts">
        <dt>Content</dt>
        <dd>{`${formatBytes(contentBytes)} in ${formatCount(objects)} objects`}</dd>
        <dt>Pinned</dt>
        <dd>{formatBytes(pinnedBytes)}</dd>
        <dt>Free on the disk</dt>
        <dd>{spareBytes === null ? 'not known yet' : formatBytes(spareBytes)}</dd>
      </dl>
      {isTight && <p class="warning">The disk is nearly full of other things: the cache cannot grow to its limit.</p>}
    </Card>
  );
}

function formatUse(usedBytes: number, maxBytes: number): string {
  return `${formatBytes(usedBytes)} of ${formatBytes(maxBytes)} (${formatPercent(usedBytes / maxBytes)})`;
}
