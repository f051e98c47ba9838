import type { CrashReport } from './crash.ts';

/** What many crashes came to, by the kind of the kill. */
export interface Tally {
  add(kind: string, report: CrashReport): void;
  readonly failures: number;
  /** All so far, in one line. */
  line(): string;
  table(): string;
}

interface Row {
  runs: number;
  kills: number;
  /** Crashes that left something to be put right, and how much in all. */
  recoveries: number;
  recovered: number;
  parked: number;
  slowestStartMs: number;
  failures: number;
}

const columns = ['runs', 'kills', 'recoveries', 'recovered', 'parked', 'slowest start ms', 'failures'] as const;

export function createTally(): Tally {
  const rows = new Map<string, Row>();
  const all = emptyRow();
  return {
    add(kind, report) {
      const row = rows.get(kind) ?? emptyRow();
      rows.set(kind, row);
      for (const part of [row, all]) count(part, report);
    },
    get failures() {
      return all.failures;
    },
    line() {
      const { kills, recoveries, parked, slowestStartMs, failures } = all;
      return `${kills} kills, ${recoveries} left work, ${parked} fills parked, slowest start ${Math.round(slowestStartMs)} ms, ${failures} failures`;
    },
    table() {
      const named = [...rows.entries()].toSorted(([a], [b]) => a.localeCompare(b));
      const lines = [...named, ['all', all] as const].map(([kind, row]) => [kind, ...cellsOf(row)]);
      return [['kind', ...columns], ...lines]
        .map(([kind = '', ...cells]) => kind.padEnd(20) + cells.map((cell) => cell.padStart(18)).join(''))
        .join('\n');
    },
  };
}

function emptyRow(): Row {
  return { runs: 0, kills: 0, recoveries: 0, recovered: 0, parked: 0, slowestStartMs: 0, failures: 0 };
}

function count(row: Row, { isKilled, parked, toRecover, readyAfterMs, wrong }: CrashReport): void {
  row.runs += 1;
  if (isKilled) row.kills += 1;
  if (toRecover > 0) row.recoveries += 1;
  row.recovered += toRecover;
  row.parked += parked;
  row.slowestStartMs = Math.max(row.slowestStartMs, readyAfterMs);
  if (wrong.length > 0) row.failures += 1;
}

function cellsOf(row: Row): readonly string[] {
  const { runs, kills, recoveries, recovered, parked, slowestStartMs, failures } = row;
  return [runs, kills, recoveries, recovered, parked, Math.round(slowestStartMs), failures].map(String);
}
