// What the charts draw, from the API's history. Pure.
import type { History, HistoryPoint } from '../../admin/api-types.ts';
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

/** Lengths that divide a day, so that steps begin where people expect them to. */
const niceSeconds = [60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600, 43_200, 86_400];

/** Steps beside each other joined, so that there are at most about `most`; their bounds do not move as time goes on. */
export function joinPoints({ points, stepSeconds }: History, most: number): History {
  const spanSeconds = points.length * stepSeconds;
  const joinedSeconds = niceSeconds.find((seconds) => seconds >= stepSeconds && spanSeconds / seconds <= most);
  if (joinedSeconds === undefined || joinedSeconds === stepSeconds) return { points, stepSeconds };
  const groups = Map.groupBy(points, ({ at }) => Math.floor(Date.parse(at) / 1000 / joinedSeconds));
  return {
    stepSeconds: joinedSeconds,
    points: [...groups].map(([number, group]) => ({
      at: new Date(number * joinedSeconds * 1000).toISOString(),
      ...sumPoints(group),
    })),
  };
}
