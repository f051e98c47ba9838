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
  /** Only what comes after this step; default: all. */
  readonly since?: Pick<Moment, 'call' | 'file'>;
  /** From 1, which is the default. */
  readonly n?: number;
}

const rows = /^catalog\.db-wal$/;
const moments: readonly (readonly [string, Moment])[] = [
  ['before the first bytes of a layer are written', { call: 'pwrite64', file: /-layer\.part$/ }],
  ['after the first bytes of a layer were written', { call: 'pwrite64', file: /-layer\.part$/, n: 2 }],
  ['before the whole layer is forced to the disk', { call: 'fsync', file: /-layer\.part$/ }],
  ['before the layer gets its name', { call: 'rename', file: /\/layer$/ }],
  ['before the name is forced to the disk', { call: 'fsync', file: /\/layer$/, isFolder: true }],
  [
    'before the row of the layer is written',
    { call: 'pwrite64', file: rows, since: { call: 'rename', file: /\/layer$/ } },
  ],
  ['before restricted content becomes public', { call: 'rename', file: /\/secret$/ }],
  ['before evicted content is deleted', { call: 'unlink', file: /\/old-1$/ }],
  [
    'before the row of evicted content is deleted',
    { call: 'pwrite64', file: rows, since: { call: 'unlink', file: /\/old-1$/ } },
  ],
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

function getStep({ steps, withNames }: CrashBench, moment: Moment): KillStep {
  const { call, file, isFolder = false, since, n = 1 } = moment;
  const isCallOf = (step: KillStep, wanted: Pick<Moment, 'call' | 'file'>): boolean =>
    step.call.startsWith(wanted.call) && wanted.file.test(withNames(step.path));
  const first = since === undefined ? 0 : steps.findIndex((step) => isCallOf(step, since));
  const path = steps.find((step) => file.test(withNames(step.path)))?.path ?? '';
  const wanted = isFolder ? dirname(path) : path;
  const found = steps.slice(Math.max(0, first)).filter((step) => step.call.startsWith(call) && step.path === wanted);
  const step = found[n - 1];
  if (step === undefined || first < 0) throw new Error(`the scenario has no ${call} of ${file.source}`);
  return step;
}
