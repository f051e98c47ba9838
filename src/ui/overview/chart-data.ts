// What the charts draw, from the API's history. Pure.
import type { HistoryPoint } from '../../admin/api-types.ts';
import { formatBytes, formatPercent } from '../format.ts';

export interface ChartData {
  /** Unix seconds. */
  readonly times: number[];
  readonly served: number[];
  readonly fetched: number[];
  /** Percent; null where nobody asked for anything. */
  readonly hitRatio: (number | null)[];
}

export function toChartData(points: readonly HistoryPoint[]): ChartData {
  return {
    times: points.map(({ at }) => Date.parse(at) / 1000),
    served: points.map(({ servedBytes }) => servedBytes),
    fetched: points.map(({ fetchedBytes }) => fetchedBytes),
    hitRatio: points.map(({ hits, requests }) => (requests === 0 ? null : (hits / requests) * 100)),
  };
}

/** The sum of the points. */
export function sumPoints(points: readonly HistoryPoint[]): Omit<HistoryPoint, 'at'> {
  const sum = { requests: 0, hits: 0, servedBytes: 0, fetchedBytes: 0 };
  for (const point of points) {
    sum.requests += point.requests;
    sum.hits += point.hits;
    sum.servedBytes += point.servedBytes;
    sum.fetchedBytes += point.fetchedBytes;
  }
  return sum;
}

/** `1.2 GB served, 200 MB fetched, 1.0 GB saved, hit ratio 88 %` */
export function describePoint({ requests, hits, servedBytes, fetchedBytes }: Omit<HistoryPoint, 'at'>): string {
  const ratio = requests === 0 ? 'no requests' : `hit ratio ${formatPercent(hits / requests)}`;
  const saved = formatBytes(Math.max(0, servedBytes - fetchedBytes));
  return `${formatBytes(servedBytes)} served, ${formatBytes(fetchedBytes)} fetched, ${saved} saved, ${ratio}`;
}

/** Steps beside each other joined, so that a table of them can be read: at most `most` of them. */
export function joinPoints(points: readonly HistoryPoint[], most: number): HistoryPoint[] {
  const size = Math.max(1, Math.ceil(points.length / most));
  const joined: HistoryPoint[] = [];
  // Full groups end with the newest, so that only the oldest one may be short.
  for (let end = points.length; end > 0; end -= size) {
    const group = points.slice(Math.max(0, end - size), end);
    const [first] = group;
    if (first !== undefined) joined.push({ at: first.at, ...sumPoints(group) });
  }
  return joined;
}
