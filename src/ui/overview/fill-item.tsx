import type { FillState } from '../../admin/api-types.ts';
import { formatBytes, formatCounted, formatDuration, formatRate, shortenDigest } from '../format.ts';
import { Digest } from '../parts/digest.tsx';
import { Progress } from '../parts/progress.tsx';

/** One transfer: what, how far, how fast, for whom. */
export function FillItem({ fill }: { readonly fill: FillState }) {
  const { digest, upstream, repository, sizeBytes, hereBytes, bytesPerSecond, readers, connections } = fill;
  const name = `${upstream}/${repository}`;
  const size = sizeBytes === null ? formatBytes(hereBytes) : `${formatBytes(hereBytes)} of ${formatBytes(sizeBytes)}`;
  const isMoving = sizeBytes !== null && bytesPerSecond > 0 && hereBytes < sizeBytes;
  return (
    <li>
      <p class="row-head">
        <span class="name" title={name}>
          {name}
        </span>
        <Digest digest={digest} />
      </p>
      <Progress label={`${name} ${shortenDigest(digest)}`} done={hereBytes} total={sizeBytes} />
      <p class="row-notes">
        <span>{size}</span>
        <span>{formatRate(bytesPerSecond)}</span>
        {isMoving && <span>{`${formatDuration((sizeBytes - hereBytes) / bytesPerSecond)} left`}</span>}
        <span>{formatCounted(readers, 'reader')}</span>
        <span>{formatCounted(connections, 'connection')}</span>
      </p>
    </li>
  );
}
