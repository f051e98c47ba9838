import { describe, expect, test } from '@jest/globals';
import { changeFills, changeJobs, isWorthLogging } from '../../../src/ui/api/live-changes.ts';
import { createFill, createJob } from '../../support/page/fake-state.ts';

const at = '2026-01-02T03:04:05Z';
const [first, second] = [createFill({ digest: 'sha256:a' }), createFill({ digest: 'sha256:b' })];

describe('what events change', () => {
  test('a fill appears when it starts, moves with the others, and goes when it ends', () => {
    const started = changeFills(undefined, { type: 'fill-started', at, fill: first });
    expect(started).toEqual([first]);
    const moved = changeFills(started, { type: 'fills', at, fills: [first, second] });
    expect(moved).toEqual([first, second]);
    const ended = changeFills(moved, {
      type: 'fill-ended',
      at,
      digest: 'sha256:a',
      upstream: first.upstream,
      repository: first.repository,
      result: 'committed',
      sizeBytes: 1,
      durationSeconds: 1,
      error: null,
    });
    expect(ended).toEqual([second]);
  });

  test('a job stands first when it is new, and stays where it is when it moves', () => {
    const [old, fresh] = [createJob(['a'], { id: '1' }), createJob(['b'], { id: '2' })];
    const jobs = changeJobs(changeJobs(undefined, old), fresh);
    expect(jobs.map(({ id }) => id)).toEqual(['2', '1']);
    const done = changeJobs(jobs, { ...old, state: 'done' });
    expect(done.map(({ id, state }) => `${id} ${state}`)).toEqual(['2 running', '1 done']);
  });

  test('only ends of jobs are told, not their progress', () => {
    const job = createJob(['a']);
    expect(isWorthLogging({ type: 'job', at, job })).toBe(false);
    expect(isWorthLogging({ type: 'job', at, job: { ...job, state: 'failed' } })).toBe(true);
    expect(isWorthLogging({ type: 'fills', at, fills: [] })).toBe(false);
    expect(isWorthLogging({ type: 'evicted', at, objects: 1, bytes: 1 })).toBe(true);
  });
});
