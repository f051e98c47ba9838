// Measures a row: in every round each contender in turn, and every round begins with another one.
import { readMetrics } from '../measure/scale-watch.ts';
import type { Contender, ContenderName } from './contender.ts';
import type { BenchRow, Course, RowResult } from './row.ts';
import type { BenchStage } from './stage.ts';

export async function measureRow(row: BenchRow, stage: BenchStage): Promise<RowResult> {
  const figures = new Map<ContenderName, number[]>();
  const lagsMs: number[] = [];
  try {
    const named: Contender[] = [];
    for (const name of row.contenders ?? stage.contenders) named.push(await stage.contender(name));
    const course = await row.open(stage, named);
    const contenders = course.contenders ?? named;
    for (let round = 0; round <= stage.rounds; round += 1) {
      for (const i of contenders.keys()) {
        const contender = contenders[(i + round) % contenders.length];
        if (contender === undefined) continue;
        await course.settle?.(round);
        const { figure, lagMs } = await stage.takeTurn(() => measureOnce(course, contender, round));
        if (round === 0) continue;
        figures.set(contender.name, [...(figures.get(contender.name) ?? []), figure]);
        if (lagMs !== undefined && contender.name === 'stowage') lagsMs.push(lagMs);
      }
    }
    return { row, figures, lagsMs };
  } catch (error) {
    return { row, figures, lagsMs, error: error instanceof Error ? error.message : String(error) };
  }
}

async function measureOnce(course: Course, contender: Contender, round: number) {
  const { adminUrl } = contender;
  // Each look begins a new window of the lag.
  if (adminUrl !== undefined) await readMetrics(adminUrl);
  const figure = await course.measure(contender, round);
  const lagS = adminUrl && (await readMetrics(adminUrl)).get('stowage_nodejs_eventloop_lag_p99_seconds');
  return { figure, lagMs: typeof lagS === 'number' ? lagS * 1000 : undefined };
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  const [low, high] = [sorted[Math.ceil(middle) - 1], sorted[Math.floor(middle)]];
  return ((low ?? Number.NaN) + (high ?? Number.NaN)) / 2;
}

/** Stowage's figure over another's, of each round; rounds stay paired since the machine changes with time. */
export function medianRatio({ figures }: RowResult, against: ContenderName): number {
  const [own = [], other = []] = [figures.get('stowage'), figures.get(against)];
  return median(own.flatMap((figure, i) => (other[i] === undefined ? [] : [figure / other[i]])));
}

/** Undefined: none of its bars could be judged. */
export function passes(result: RowResult): boolean | undefined {
  if (result.error !== undefined) return false;
  const ratios = result.row.bars
    .filter(({ against }) => result.figures.has(against) && result.figures.has('stowage'))
    .map((bar) => ({ bar, ratio: medianRatio(result, bar.against) }));
  if (ratios.length === 0) return undefined;
  return ratios.every(
    ({ bar: { atLeast = -Infinity, atMost = Infinity }, ratio }) => ratio >= atLeast && ratio <= atMost,
  );
}
