import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import type { HistoryPoint } from '../../admin/api-types.ts';
import { toChartData } from './chart-data.ts';
import { createBytesOptions, createRatioOptions, readColours } from './chart-options.ts';

interface SavingsChartProps {
  readonly points: readonly HistoryPoint[];
  /** The point under the pointer; undefined when it leaves. Must keep its identity. */
  onPoint(index: number | undefined): void;
}

/** Two charts over one time axis: bytes served and fetched, and the hit ratio. For eyes; its words are beside it. */
export function SavingsChart({ points, onPoint }: SavingsChartProps) {
  const ref = useRef<HTMLDivElement>(null);
  const charts = useRef<readonly uPlot[]>([]);
  const latest = useRef(points);
  latest.current = points;

  useEffect(() => {
    const place = ref.current;
    if (place === null) return undefined;
    const draw = (): void => {
      for (const chart of charts.current) chart.destroy();
      const [colours, width] = [readColours(), Math.max(200, place.clientWidth)];
      charts.current = [
        new uPlot(createBytesOptions(colours, width, onPoint), bytesOf(latest.current), place),
        new uPlot(createRatioOptions(colours, width, onPoint), ratioOf(latest.current), place),
      ];
    };
    draw();
    const size = new ResizeObserver(() => {
      const width = Math.max(200, place.clientWidth);
      for (const chart of charts.current) if (chart.width !== width) chart.setSize({ width, height: chart.height });
    });
    size.observe(place);
    const scheme = globalThis.matchMedia('(prefers-color-scheme: dark)');
    scheme.addEventListener('change', draw);
    return () => {
      size.disconnect();
      scheme.removeEventListener('change', draw);
      for (const chart of charts.current) chart.destroy();
      charts.current = [];
    };
  }, [onPoint]);

  useEffect(() => {
    const [bytes, ratio] = charts.current;
    bytes?.setData(bytesOf(points));
    ratio?.setData(ratioOf(points));
  }, [points]);

  return <div ref={ref} class="charts" aria-hidden="true" />;
}

function bytesOf(points: readonly HistoryPoint[]): uPlot.AlignedData {
  const { times, served, fetched } = toChartData(points);
  return [times, served, fetched];
}

function ratioOf(points: readonly HistoryPoint[]): uPlot.AlignedData {
  const { times, hitRatio } = toChartData(points);
  return [times, hitRatio];
}
