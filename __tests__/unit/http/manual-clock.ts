import type { Clock } from '../../../src/telemetry/clock.ts';

/** Time that stands still until the test moves it. */
export interface ManualClock extends Clock {
  /** Moves on, and calls back whoever is due, in order of time. */
  advance(byMs: number): void;
  /** Moves the clock on the wall, which may jump; no time passes. */
  setWall(wallMs: number): void;
  /** Timers that have been started and neither ran nor were stopped. */
  readonly pending: number;
}

export function createManualClock(startMs = 0): ManualClock {
  let nowMs = startMs;
  let wallAheadMs = 0;
  const timers = new Set<{ readonly atMs: number; readonly onTime: () => void }>();
  return {
    wallMs: () => nowMs + wallAheadMs,
    monotonicMs: () => nowMs,
    startTimer(delayMs, onTime) {
      const timer = { atMs: nowMs + delayMs, onTime };
      timers.add(timer);
      return { stop: () => void timers.delete(timer) };
    },
    setWall(wallMs) {
      wallAheadMs = wallMs - nowMs;
    },
    advance(byMs) {
      const endMs = nowMs + byMs;
      for (;;) {
        const [next] = [...timers].filter((timer) => timer.atMs <= endMs).toSorted((a, b) => a.atMs - b.atMs);
        if (next === undefined) break;
        timers.delete(next);
        nowMs = next.atMs;
        next.onTime();
      }
      nowMs = endMs;
    },
    get pending() {
      return timers.size;
    },
  };
}
