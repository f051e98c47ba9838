// The tables, as markdown.
import { contenderLabels, type ContenderName } from './contender.ts';
import { median, medianRatio, passes } from './rounds.ts';
import type { Bar, BenchCheck, CheckResult, RowResult } from './row.ts';

export type CheckLine = Pick<BenchCheck, 'name' | 'bar'> & CheckResult;

const mirrors: readonly ContenderName[] = ['stowage', 'registry', 'nginx'];

/** All rows, each with the medians of its contenders and what Stowage's are to the others'. */
export function formatRows(results: readonly RowResult[]): string {
  const head = ['case', 'Stowage', 'registry', 'nginx', 'x registry', 'x nginx', 'bar', '', 'loop lag p99'];
  return formatTable([head, ...results.map(formatRow)]);
}

/** One line for the terminal, as soon as the row is done. */
export function formatResult(result: RowResult): string {
  const { name, figures } = toCheckLine(result);
  return `${name}: ${figures}`;
}

export function formatChecks(lines: readonly CheckLine[]): string {
  const cells = lines.map(({ name, bar, passes, figures }) => [name, bar, figures, formatVerdict(passes)]);
  return formatTable([['case', 'bar', 'measured', ''], ...cells]);
}

/** A row in words, for those of other contenders than the mirrors. */
export function toCheckLine(result: RowResult): CheckLine {
  const names = (Object.keys(contenderLabels) as ContenderName[]).filter((name) => result.figures.has(name));
  const figures = names.map(
    (name) => `${contenderLabels[name]} ${formatFigure(median(result.figures.get(name) ?? []))} ${result.row.unit}`,
  );
  const ratios = names
    .filter((name) => name !== 'stowage' && result.figures.has('stowage'))
    .map((name) => `${formatRatio(medianRatio(result, name))} x ${contenderLabels[name]}`);
  return {
    name: result.row.name,
    bar: result.row.bars.map(formatBar).join(', '),
    passes: passes(result),
    figures: result.error ?? [...figures, ...ratios].join(', '),
  };
}

/** Whether its contenders are those of the large table. */
export function isOfMirrors({ row }: RowResult): boolean {
  return row.contenders === undefined;
}

function formatRow(result: RowResult): readonly string[] {
  const { row, figures, lagsMs, error } = result;
  const bar = row.bars.map(formatBar).join(', ');
  if (error !== undefined) return [row.name, error, '', '', '', '', bar, 'FAIL', ''];
  const medians = mirrors
    .map((name) => figures.get(name))
    .map((values) => (values ? formatFigure(median(values)) : ''));
  const ratios = mirrors
    .slice(1)
    .map((name) => (figures.has('stowage') && figures.has(name) ? formatRatio(medianRatio(result, name)) : ''));
  const lag = lagsMs.length === 0 ? '' : `${Math.round(median(lagsMs))} ms`;
  return [`${row.name}, ${row.unit}`, ...medians, ...ratios, bar, formatVerdict(passes(result)), lag];
}

export function formatBar({ against, atLeast, atMost }: Bar): string {
  const bound = atLeast === undefined ? `<= ${atMost}` : `>= ${atLeast}`;
  return `${bound} x ${contenderLabels[against]}`;
}

function formatVerdict(isPass: boolean | undefined): string {
  return isPass === undefined ? '' : isPass ? 'pass' : 'FAIL';
}

/** Three digits that say something. */
function formatFigure(value: number): string {
  if (value >= 100) return Math.round(value).toLocaleString('en-US');
  return value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

function formatRatio(ratio: number): string {
  return ratio >= 10 ? ratio.toFixed(0) : ratio.toFixed(2);
}

function formatTable([head = [], ...rows]: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.map(toCell).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

/** What programs report may have several lines. */
function toCell(text: string): string {
  return text.replaceAll(/\s+/g, ' ').replaceAll('|', '/');
}
