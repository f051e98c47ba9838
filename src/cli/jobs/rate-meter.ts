import type { CliClock } from '../context.ts';

/** Over this long a rate is looked at. */
const windowMs = 4000;

/** Takes what a count is now; gives by how much it grew each second, over the last seconds. */
export function createRateMeter(clock: CliClock): (count: number) => number {
  const samples: { readonly atMs: number; readonly count: number }[] = [];
  return (count) => {
    const nowMs = clock.wallMs();
    samples.push({ atMs: nowMs, count });
    while (samples.length > 2 && (samples[1]?.atMs ?? nowMs) <= nowMs - windowMs) samples.shift();
    const [first] = samples;
    const elapsedMs = first === undefined ? 0 : nowMs - first.atMs;
    return first === undefined || elapsedMs <= 0 ? 0 : ((count - first.count) / elapsedMs) * 1000;
  };
}
