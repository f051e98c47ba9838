import type uPlot from 'uplot';
import { formatBytes } from '../format.ts';

/** As the style sheet has them for the scheme in use. */
export interface Colours {
  readonly text: string;
  readonly line: string;
  readonly served: string;
  readonly servedArea: string;
  readonly fetched: string;
  readonly fetchedArea: string;
  readonly ratio: string;
}

export function readColours(): Colours {
  const style = getComputedStyle(document.documentElement);
  const read = (name: string): string => style.getPropertyValue(name).trim();
  return {
    text: read('--muted'),
    line: read('--line'),
    served: read('--served'),
    servedArea: read('--served-area'),
    fetched: read('--fetched'),
    fetchedArea: read('--fetched-area'),
    ratio: read('--ratio'),
  };
}

/** Points that no line reaches, since their neighbours have no value. */
const findLonely: uPlot.Series.Points.Filter = (chart, seriesIndex) => {
  const values = chart.data[seriesIndex] ?? [];
  return [...values.keys()].filter(
    (index) => values[index] !== null && (values[index - 1] ?? null) === null && (values[index + 1] ?? null) === null,
  );
};

function createPoints(colour: string): uPlot.Series.Points {
  return { show: true, size: 5, fill: colour, filter: findLonely };
}

/** At least so much is shown, so that the first minutes of a mirror are not stretched over everything. */
const leastSeconds = 1800;

function findTimeRange(_chart: uPlot, min: number, max: number): uPlot.Range.MinMax {
  return [Math.min(min, max - leastSeconds), max];
}

type OnPoint = (index: number | undefined) => void;

/** Bytes in each step. */
export function createBytesOptions(colours: Colours, width: number, onPoint: OnPoint): uPlot.Options {
  return {
    ...createCommonOptions(onPoint),
    width,
    height: 180,
    scales: { x: { range: findTimeRange }, y: { range: (_chart, _min, max) => [0, Math.max(1000, max * 1.05)] } },
    axes: [{ ...createTimeAxis(colours), values: () => [], size: 12 }, createValueAxis(colours, formatBytes)],
    series: [
      {},
      {
        label: 'served',
        stroke: colours.served,
        fill: colours.servedArea,
        width: 1.5,
        points: createPoints(colours.served),
      },
      {
        label: 'fetched',
        stroke: colours.fetched,
        fill: colours.fetchedArea,
        width: 1.5,
        points: createPoints(colours.fetched),
      },
    ],
  };
}

/** Percent of the requests in each step; gaps where there were none. */
export function createRatioOptions(colours: Colours, width: number, onPoint: OnPoint): uPlot.Options {
  return {
    ...createCommonOptions(onPoint),
    width,
    height: 110,
    scales: { x: { range: findTimeRange }, y: { range: [-2, 104] } },
    axes: [
      createTimeAxis(colours),
      { ...createValueAxis(colours, (value) => `${value} %`), splits: () => [0, 50, 100] },
    ],
    series: [
      {},
      {
        label: 'hit ratio',
        stroke: colours.ratio,
        width: 1.5,
        points: createPoints(colours.ratio),
      },
    ],
  };
}

function createCommonOptions(onPoint: OnPoint): Pick<uPlot.Options, 'legend' | 'cursor' | 'hooks' | 'padding'> {
  return {
    padding: [8, 8, 0, 0],
    legend: { show: false },
    // Both charts point at the same time.
    cursor: { sync: { key: 'savings' }, drag: { x: false, y: false }, points: { size: 6 } },
    hooks: { setCursor: [({ cursor }) => onPoint(cursor.idx ?? undefined)] },
  };
}

function createTimeAxis(colours: Colours): uPlot.Axis {
  return {
    stroke: colours.text,
    grid: { show: false },
    ticks: { stroke: colours.line },
    size: 32,
    space: 64,
    values: (_chart, values) => values.map(formatTick),
  };
}

/** Midnight is a day, all else a time. */
function formatTick(seconds: number): string {
  const date = new Date(seconds * 1000);
  if (date.getHours() === 0 && date.getMinutes() === 0)
    return date.toLocaleDateString([], { day: 'numeric', month: 'short' });
  return date.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
}

function createValueAxis(colours: Colours, format: (value: number) => string): uPlot.Axis {
  return {
    stroke: colours.text,
    grid: { stroke: colours.line, width: 1 },
    ticks: { show: false },
    size: 64,
    values: (_chart, values) => values.map(format),
  };
}
