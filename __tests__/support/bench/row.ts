// A row of the table: one kind of work, measured with every contender in turn.
import type { Contender, ContenderName } from './contender.ts';
import type { BenchStage } from './stage.ts';

export type Unit = 'requests/s' | 'MB/s' | 'ms' | 'CPU s/GB';

export interface BenchRow {
  readonly name: string;
  readonly unit: Unit;
  /** What Stowage's figure divided by another's must come to. */
  readonly bars: readonly Bar[];
  /** Default: the mirrors that the command line names. */
  readonly contenders?: readonly ContenderName[];
  /** Makes what is measured. The contenders run meanwhile; nothing is timed. */
  open(stage: BenchStage, contenders: readonly Contender[]): Promise<Course>;
}

/** What is measured again and again. */
export interface Course {
  /** In place of those that the row names. */
  readonly contenders?: readonly Contender[];
  /** Before each measurement, outside of the turn. */
  readonly settle?: (round: number) => Promise<void>;
  /** In the row's unit. Round 0 is not counted: everybody gets warm in it, and may be verified. */
  measure(contender: Contender, round: number): Promise<number>;
}

/** Of the median of the ratios of the rounds. */
export interface Bar {
  readonly against: ContenderName;
  readonly atLeast?: number;
  readonly atMost?: number;
}

export interface RowResult {
  readonly row: BenchRow;
  /** Of the rounds that count, in their order. */
  readonly figures: ReadonlyMap<ContenderName, readonly number[]>;
  /** Event-loop lag of Stowage, p99 of each round, in ms. */
  readonly lagsMs: readonly number[];
  /** Why there are no figures. */
  readonly error?: string;
}

/** A case that is Stowage's alone. */
export interface BenchCheck {
  readonly name: string;
  readonly bar: string;
  run(stage: BenchStage): Promise<CheckResult>;
}

export interface CheckResult {
  /** Undefined: there is no bar. */
  readonly passes: boolean | undefined;
  readonly figures: string;
}
