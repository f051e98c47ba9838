import type { CliClock } from '../../../src/cli/context.ts';

/** Where time begins in tests of commands. */
const startMs = Date.parse('2026-03-01T12:00:00Z');

/** Time that only passes when somebody waits for it, and then at once. */
export function createSwiftClock(): CliClock {
  let nowMs = startMs;
  return {
    wallMs: () => nowMs,
    startTimer(delayMs, onTime) {
      const handle = setImmediate(() => {
        nowMs += delayMs;
        onTime();
      });
      return { stop: () => clearImmediate(handle) };
    },
  };
}
