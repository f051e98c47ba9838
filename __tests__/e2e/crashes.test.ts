// Story: kill -9 at a step of a fill, of a commit or of an eviction: nothing wrong is kept, and nothing is forgotten.
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { dirname } from 'node:path';
import { openCrashBench, type CrashBench } from '../support/soak/crash-bench.ts';
import type { KillStep } from '../support/soak/kill-steps.ts';
import { describeWith } from './support/describe-with.ts';

interface Moment {
  /** Or how it begins: `rename` is `renameat` on some machines. */
  readonly call: string;
  /** The file's path within the cache, with names in place of digests. */
  readonly file: RegExp;
  /** The folder that this file is in is meant. */
  readonly isFolder?: boolean;
  /** From 1; negative numbers count from the last. */
  readonly n: number;
}

const moments: readonly (readonly [string, Moment])[] = [
  ['before the first bytes of a layer are written', { call: 'pwrite64', file: /-layer\.part$/, n: 1 }],
  ['after the first bytes of a layer were written', { call: 'pwrite64', file: /-layer\.part$/, n: 2 }],
  ['before the whole layer is forced to the disk', { call: 'fsync', file: /-layer\.part$/, n: 1 }],
  ['before the layer gets its name', { call: 'rename', file: /\/layer$/, n: 1 }],
  ['before the name is forced to the disk', { call: 'fsync', file: /\/layer$/, isFolder: true, n: 1 }],
  ['before a manifest gets its name', { call: 'rename', file: /\/manifest$/, n: 1 }],
  ['before the first row is written', { call: 'pwrite64', file: /^catalog\.db-wal$/, n: 1 }],
  ['before the last row is written', { call: 'pwrite64', file: /^catalog\.db-wal$/, n: -1 }],
  ['before evicted content is deleted', { call: 'unlink', file: /\/old-1$/, n: 1 }],
  ['before restricted content becomes public', { call: 'rename', file: /\/secret$/, n: 1 }],
];

describeWith({ programs: ['strace'] }, 'a mirror killed with -9', () => {
  let bench: CrashBench;

  beforeAll(async () => {
    bench = await openCrashBench();
  }, 60_000);
  afterAll(() => bench.close());

  test.each(moments)('%s starts at once, and has catalog and files agree', async (_name, moment) => {
    const report = await bench.crashAt(getStep(bench, moment));
    expect(report).toMatchObject({ isKilled: true, wrong: [] });
  });
});

function getStep({ steps, withNames }: CrashBench, { call, file, isFolder = false, n }: Moment): KillStep {
  const path = steps.find((step) => file.test(withNames(step.path)))?.path ?? '';
  const wanted = isFolder ? dirname(path) : path;
  const step = steps.filter((step) => step.call.startsWith(call) && step.path === wanted).at(n < 0 ? n : n - 1);
  if (step === undefined) throw new Error(`the scenario has no ${call} of ${file.source}`);
  return step;
}
