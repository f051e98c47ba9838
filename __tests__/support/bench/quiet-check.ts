import { cpus } from 'node:os';
import { median } from './rounds.ts';
import type { BenchCheck } from './row.ts';

/** No verdict, but what all others are worth: on a busy machine even ratios say little. */
export const quietCheck: BenchCheck = {
  name: 'CPU that others took meanwhile',
  bar: '',
  run({ othersLoad: { cores } }) {
    const percent = (value: number): string => `${((value / cpus().length) * 100).toFixed(0)} %`;
    const figures = `median ${percent(median(cores))}, at most ${percent(Math.max(...cores))} of the machine`;
    return Promise.resolve({ passes: undefined, figures: cores.length === 0 ? 'nothing measured' : figures });
  },
};
