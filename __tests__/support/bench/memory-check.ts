import { megabyte } from '../measure/bench.ts';
import { megabytes } from '../measure/store-checks.ts';
import { contenderLabels, type ContenderName } from './contender.ts';
import type { BenchCheck } from './row.ts';

const barBytes = 250 * megabyte;

/** Of all processes that ran so far: it belongs after the rows. */
export const memoryCheck: BenchCheck = {
  name: 'peak resident memory in all rows above',
  bar: `<= ${megabytes(barBytes)}`,
  run(stage) {
    const names: readonly ContenderName[] = ['stowage', 'registry', 'nginx'];
    const peaks = names.flatMap((name) => {
      const bytes = stage.peakBytes(name);
      return bytes === undefined ? [] : [{ name, bytes }];
    });
    const own = peaks.find(({ name }) => name === 'stowage')?.bytes;
    return Promise.resolve({
      passes: own === undefined ? undefined : own <= barBytes,
      figures: peaks.map(({ name, bytes }) => `${contenderLabels[name]} ${megabytes(bytes)}`).join(', '),
    });
  },
};
