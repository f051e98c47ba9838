/** What was counted, of pulls of manifests and blobs. Bytes of bodies. */
export interface TrafficCounts {
  readonly requests: number;
  readonly hits: number;
  readonly servedBytes: number;
  readonly fetchedBytes: number;
}

/** The counts of one step. */
export interface TrafficStep extends TrafficCounts {
  /** Where it begins: wall time, milliseconds since 1970. */
  readonly startMs: number;
}

export const stepMs = 60_000;
/** A day. */
const maxSteps = 24 * 60;

type Counter = { -readonly [Key in keyof TrafficCounts]: number };
type Step = Counter & { readonly number: number };

/** The last day in steps of a minute, of which only those are kept in which something happened. */
export class TrafficHistory {
  /** In order of time; the last one is added to. */
  #steps: Step[] = [];
  /** Where the history begins. */
  #first: number;

  constructor(nowMs: number) {
    this.#first = numberOf(nowMs);
  }

  /** The counts of the step that this time is in, to be added to. */
  at(nowMs: number): Counter {
    const number = numberOf(nowMs);
    const last = this.#steps.at(-1);
    if (last?.number === number) return last;
    // The clock on the wall went back: what is in the future now never was.
    if (last !== undefined && number < last.number) this.#steps = this.#steps.filter((step) => step.number < number);
    this.#first = Math.max(Math.min(this.#first, number), number - maxSteps + 1);
    if ((this.#steps[0]?.number ?? number) < this.#first) {
      this.#steps = this.#steps.filter((step) => step.number >= this.#first);
    }
    const step = { number, ...noTraffic };
    this.#steps.push(step);
    return step;
  }

  /** Every step until now without a gap, the oldest first. */
  list(nowMs: number): readonly TrafficStep[] {
    this.at(nowMs);
    const last = numberOf(nowMs);
    const known = new Map(this.#steps.map((step) => [step.number, step]));
    return Array.from({ length: last - this.#first + 1 }, (_, index) => {
      const number = this.#first + index;
      const { requests, hits, servedBytes, fetchedBytes } = known.get(number) ?? noTraffic;
      return { startMs: number * stepMs, requests, hits, servedBytes, fetchedBytes };
    });
  }

  /** A text from which `restore` makes the same again. */
  save(): string {
    const steps = this.#steps.map((step) => [
      step.number,
      step.requests,
      step.hits,
      step.servedBytes,
      step.fetchedBytes,
    ]);
    return JSON.stringify({ first: this.#first, steps });
  }

  /** Goes on from what was saved. Text that `save` did not write counts as none. */
  restore(text: string, nowMs: number): void {
    const saved = parse(text);
    const now = numberOf(nowMs);
    if (saved === undefined || saved.first > now) return;
    const own = this.#steps;
    const before = saved.steps.filter(({ number }) => number <= now && !own.some((step) => step.number === number));
    this.#steps = [...before, ...own].toSorted((a, b) => a.number - b.number);
    this.#first = Math.max(Math.min(saved.first, this.#first), now - maxSteps + 1);
    this.#steps = this.#steps.filter((step) => step.number >= this.#first);
  }
}

export const noTraffic: TrafficCounts = { requests: 0, hits: 0, servedBytes: 0, fetchedBytes: 0 };

function numberOf(ms: number): number {
  return Math.floor(ms / stepMs);
}

function parse(text: string): { readonly first: number; readonly steps: readonly Step[] } | undefined {
  try {
    const { first, steps } = JSON.parse(text) as { first: unknown; steps: unknown };
    if (!isCount(first) || !Array.isArray(steps)) return undefined;
    return { first, steps: steps.flatMap((step) => toStep(step) ?? []) };
  } catch {
    return undefined;
  }
}

function toStep(values: unknown): Step | undefined {
  if (!Array.isArray(values) || !values.every(isCount)) return undefined;
  const [number, requests, hits, servedBytes, fetchedBytes] = values;
  if (number === undefined || requests === undefined || hits === undefined) return undefined;
  if (servedBytes === undefined || fetchedBytes === undefined) return undefined;
  return { number, requests, hits, servedBytes, fetchedBytes };
}

export function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
