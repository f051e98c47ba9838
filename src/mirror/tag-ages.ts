import type { TagRecord } from '../store/catalog.ts';
import type { Clock } from '../telemetry/clock.ts';
import type { Door } from './door.ts';

/** For how many tags is remembered when they were confirmed; the rest are judged by the clock on the wall. */
const maxTags = 20_000;

/** When upstream was asked, by both clocks. */
export interface CheckTime {
  /** Milliseconds since 1970, may jump. */
  readonly wallMs: number;
  /** Milliseconds, never jumps. */
  readonly monotonicMs: number;
}

/** Milliseconds, at least 0. */
export interface PossibleAge {
  readonly leastMs: number;
  readonly mostMs: number;
}

/**
 * How long ago tags were confirmed, whatever the wall clock does: what this process has confirmed goes by the
 * monotonic clock. A row from before has a wall time only, and that clock may have jumped since the start: then two
 * ages are possible.
 */
export class TagAges {
  readonly #clock: Clock;
  readonly #start: CheckTime;
  readonly #confirmed = new Map<string, CheckTime>();

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#start = this.now();
  }

  now(): CheckTime {
    return { wallMs: this.#clock.wallMs(), monotonicMs: this.#clock.monotonicMs() };
  }

  /** Since this process began. */
  get uptimeMs(): number {
    return this.#clock.monotonicMs() - this.#start.monotonicMs;
  }

  /** The row that is written for this tag has `time.wallMs` in it. */
  confirm(door: Door, tag: string, time: CheckTime): void {
    const key = keyOf(door, tag);
    this.#confirmed.delete(key);
    this.#confirmed.set(key, time);
    for (const oldest of this.#confirmed.keys()) {
      if (this.#confirmed.size <= maxTags) break;
      this.#confirmed.delete(oldest);
    }
  }

  /** Undefined for a row from the future, whose age nobody knows. */
  find(door: Door, tag: string, row: TagRecord): PossibleAge | undefined {
    const confirmed = this.#confirmed.get(keyOf(door, tag));
    if (confirmed?.wallMs === row.checkedMs) {
      const ageMs = this.#clock.monotonicMs() - confirmed.monotonicMs;
      return { leastMs: ageMs, mostMs: ageMs };
    }
    const wallMs = [this.#clock.wallMs(), this.#start.wallMs + this.uptimeMs];
    const ages = wallMs.map((nowMs) => nowMs - row.checkedMs).filter((ageMs) => ageMs >= 0);
    return ages.length === 0 ? undefined : { leastMs: Math.min(...ages), mostMs: Math.max(...ages) };
  }
}

/** No name holds a space. */
function keyOf({ upstream, repository }: Door, tag: string): string {
  return `${upstream.name} ${repository} ${tag}`;
}
