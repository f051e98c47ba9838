import type { Job, JobItem } from '../../admin/api-types.ts';
import { formatBytes, formatNumberOf, formatPercent, formatRate } from '../text/format.ts';

/** Bytes of an item that took time: those that were fetched, or read by a verification. */
export function countWorkedBytes(kind: Job['kind'], item: JobItem): number {
  return kind === 'pull' ? item.fetchedBytes : item.doneBytes;
}

/** `45 %, 12 MB of 27 MB, 5.1 MB/s, 3 of 7 objects` */
export function describeProgress(item: JobItem, bytesPerSecond: number): string {
  const { doneBytes, totalBytes, doneObjects, totalObjects } = item;
  if (totalObjects === 0) return item.state === 'waiting' ? 'waiting' : 'asking';
  return [
    formatPercent(getShare(item)),
    `${formatBytes(doneBytes)} of ${formatBytes(totalBytes)}`,
    ...(bytesPerSecond > 0 ? [formatRate(bytesPerSecond)] : []),
    `${doneObjects} of ${formatNumberOf(totalObjects, 'object')}`,
  ].join(', ');
}

/** From 0 to 1, for something of which the size is known. */
export function getShare({ doneBytes, totalBytes }: JobItem): number {
  return totalBytes === 0 ? 0 : Math.min(1, doneBytes / totalBytes);
}

/** `done, 27 MB in 7 objects, 12 MB fetched` */
export function describeDone(kind: Job['kind'], item: JobItem): string {
  const all = `${formatBytes(item.totalBytes)} in ${formatNumberOf(item.totalObjects, 'object')}`;
  if (kind === 'verify') return `verified, ${all}`;
  return `done, ${all}, ${item.fetchedBytes === 0 ? 'all of it was here' : `${formatBytes(item.fetchedBytes)} fetched`}`;
}
