import type { CliClock } from './context.ts';

/** The system's time. */
export const cliClock: CliClock = {
  wallMs: () => Date.now(),
  startTimer(delayMs, onTime) {
    const handle = setTimeout(onTime, delayMs);
    return { stop: () => clearTimeout(handle) };
  },
};
