import type { Clock } from '../telemetry/clock.ts';

const yearMs = 365 * 24 * 60 * 60 * 1000;

/**
 * The time in which uses of content are written down: milliseconds since 1970, close to the wall clock's, that only go
 * forward. After the start they follow the monotonic clock. At the start the wall clock is believed unless it is behind
 * the newest use, or more than a year beyond it: then time goes on from there. So a clock that jumps to 1970 or 2100
 * neither expires everything nor makes anything immortal.
 */
export function createUseClock(clock: Clock, newestUseMs: number | undefined): () => number {
  const startMs = clock.monotonicMs();
  const originMs = chooseOrigin(clock.wallMs(), newestUseMs);
  return () => Math.floor(originMs + clock.monotonicMs() - startMs);
}

function chooseOrigin(wallMs: number, newestUseMs: number | undefined): number {
  if (newestUseMs === undefined) return wallMs;
  return wallMs < newestUseMs || wallMs > newestUseMs + yearMs ? newestUseMs : wallMs;
}
