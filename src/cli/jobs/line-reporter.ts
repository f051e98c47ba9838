import type { Job, JobItem } from '../../admin/api-types.ts';
import type { CliContext } from '../context.ts';
import { countWorkedBytes, describeDone, describeProgress } from './describe-item.ts';
import { createRateMeter } from './rate-meter.ts';
import { findComplaint, hasEnded, nameOf, type JobReporter } from './reporter.ts';

/** A log needs no more than this of each image. */
const everyMs = 5000;

interface Followed {
  readonly measure: (count: number) => number;
  saidAtMs: number;
  hasEnded: boolean;
}

/** Plain lines: that an image starts, how it comes along every few seconds, how it ended (bad ends to stderr). */
export function createLineReporter({ stdout, stderr, clock }: CliContext): JobReporter {
  const followed = new Map<number, Followed>();

  const follow = (index: number, item: JobItem): Followed => {
    const known = followed.get(index);
    if (known !== undefined) return known;
    stdout.write(`${nameOf(item)}: starts\n`);
    const added = { measure: createRateMeter(clock), saidAtMs: clock.wallMs(), hasEnded: false };
    followed.set(index, added);
    return added;
  };

  const show = (kind: Job['kind'], item: JobItem, index: number): void => {
    if (item.state === 'waiting') return;
    const state = follow(index, item);
    const rate = state.measure(countWorkedBytes(kind, item));
    if (state.hasEnded) return;
    if (hasEnded(item)) {
      state.hasEnded = true;
      const complaint = findComplaint(item);
      if (complaint === undefined) stdout.write(`${nameOf(item)}: ${describeDone(kind, item)}\n`);
      else stderr.write(`stowage: ${complaint}\n`);
    } else if (clock.wallMs() - state.saidAtMs >= everyMs) {
      state.saidAtMs = clock.wallMs();
      stdout.write(`${nameOf(item)}: ${describeProgress(item, rate)}\n`);
    }
  };

  return {
    show: ({ kind, items }) => items.forEach((item, index) => show(kind, item, index)),
    close: () => undefined,
  };
}
