import { beforeEach, describe, expect, test } from '@jest/globals';
import { ItemFailure, type Job, type Progress } from '../../../../src/mirror/jobs/job.ts';
import { JobList } from '../../../../src/mirror/jobs/job-list.ts';
import type { NewItem } from '../../../../src/mirror/jobs/running-job.ts';
import { MirrorError } from '../../../../src/oci/errors.ts';
import { silentLog } from '../../../../src/telemetry/log.ts';
import { createManualClock, type ManualClock } from '../../http/manual-clock.ts';

let clock: ManualClock;
let told: Job[];
let errors: string[];
let list: JobList;
/** Items that are worked at, in the order in which they were begun. */
let tasks: Task[];

beforeEach(() => {
  clock = createManualClock(1_000_000);
  told = [];
  errors = [];
  tasks = [];
  const log = { ...silentLog, error: (_fields: object, message: string) => void errors.push(message) };
  list = new JobList({ clock, log, onJob: (job) => told.push(job) });
});

interface Task {
  readonly reference: string;
  readonly progress: Progress;
  readonly signal: AbortSignal;
  end(error?: Error): void;
}

/** An item that ends when the test says so, or is cancelled. */
function item(reference: string): NewItem {
  return {
    reference,
    run: async (progress, signal) =>
      await new Promise((resolve, reject) => {
        signal.addEventListener('abort', () => reject(new Error('aborted')));
        const end = (error?: Error): void => (error === undefined ? resolve() : reject(error));
        tasks.push({ reference, progress, signal, end });
      }),
  };
}

function start(names: readonly string[], kind: 'pull' | 'verify' = 'pull') {
  return list.start({ kind, origin: 'operator', items: names.map(item) });
}

function taskOf(reference: string): Task {
  const task = tasks.find((candidate) => candidate.reference === reference);
  if (task === undefined) throw new Error(`${reference} is not worked at`);
  return task;
}

async function end(reference: string, error?: Error): Promise<void> {
  taskOf(reference).end(error);
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
}

const begun = (): readonly string[] => tasks.map(({ reference }) => reference);

describe('jobs', () => {
  test('are worked at two items at a time, in turns', async () => {
    start(['a1', 'a2', 'a3', 'a4']);
    start(['b1', 'b2']);
    expect(begun()).toEqual(['a1', 'a2']);
    await end('a1');
    expect(begun()).toEqual(['a1', 'a2', 'b1']);
    await end('a2');
    expect(begun().slice(3)).toEqual(['a3']);
    await end('a3');
    expect(begun().slice(4)).toEqual(['a4']);
    await end('b1');
    expect(begun().slice(5)).toEqual(['b2']);
  });

  test('of verification stand in nobody’s way, and go one item at a time', async () => {
    start(['a1', 'a2', 'a3']);
    start(['v1', 'v2'], 'verify');
    expect(begun()).toEqual(['a1', 'a2', 'v1']);
    await end('v1');
    expect(begun()).toEqual(['a1', 'a2', 'v1', 'v2']);
  });

  test('have failed when any item has, and say why', async () => {
    const { id, ended } = start(['a', 'b', 'c', 'd']);
    await end('a', new ItemFailure('no room'));
    await end('b', new MirrorError({ kind: 'upstream-failed', message: 'no answer' }));
    await end('c', new TypeError('secret'));
    clock.advance(5000);
    await end('d');
    const job = await ended;
    expect(job).toMatchObject({ id, state: 'failed', startedMs: 1_000_000, endedMs: 1_005_000 });
    expect(job.items.map(({ state, error }) => [state, error])).toEqual([
      ['failed', 'no room'],
      ['failed', 'no answer'],
      ['failed', 'internal error'],
      ['done', undefined],
    ]);
    expect(errors).toEqual(['a job failed by a bug']);
    expect(list.find(id)).toEqual(job);
  });

  test('that are cancelled end at once, with what they have not done', async () => {
    const { id, ended } = start(['a', 'b', 'c', 'd']);
    await end('a');
    const cancelled = list.cancel(id);
    expect(cancelled?.state).toBe('cancelled');
    expect(cancelled?.items.map(({ state }) => state)).toEqual(['done', 'cancelled', 'cancelled', 'cancelled']);
    expect(await ended).toEqual(cancelled);
    expect(taskOf('b').signal.aborted).toBe(true);
    await list.close();
    expect(begun()).toEqual(['a', 'b', 'c']);
    expect(list.cancel(id)).toEqual(cancelled);
    expect(list.cancel('none')).toBeUndefined();
  });

  test('are told of at both ends, and four times a second between', async () => {
    start(['a']);
    expect(told.map(({ state }) => state)).toEqual(['running']);
    const { progress } = taskOf('a');
    progress.expect(2, 300);
    const object = progress.begin(200);
    object.fetched(150);
    clock.advance(250);
    object.fetched(100);
    clock.advance(250);
    clock.advance(1000);
    const seen = told.map(({ items: [first] }) => [first?.doneBytes, first?.fetchedBytes, first?.totalBytes]);
    // More than was claimed comes: what is fetched is more, what is done is not.
    expect(seen).toEqual([
      [0, 0, 0],
      [150, 150, 300],
      [200, 250, 300],
    ]);
    object.done();
    progress.begin(100).leftOut();
    await end('a');
    expect(told.at(-1)).toMatchObject({
      state: 'done',
      items: [{ doneBytes: 200, totalBytes: 200, doneObjects: 1, totalObjects: 1 }],
    });
    expect(clock.pending).toBe(0);
  });

  test('are at most a hundred that are not over, and a hundred that are', async () => {
    for (let i = 0; i < 100; i++) start([`a${i}`]);
    expect(() => start(['more'])).toThrow(
      '100 jobs are running or waiting already; some of them must end, or be cancelled, first',
    );
    const ids = list.list({ limit: 200 }).map(({ id }) => id);
    expect(new Set(ids).size).toBe(100);
    for (const id of ids) list.cancel(id);
    const { id } = start(['last']);
    list.cancel(id);
    const kept = list.list({ limit: 200 });
    expect(kept).toHaveLength(100);
    expect(kept[0]?.id).toBe(id);
    expect(list.find(ids.at(-1) ?? '')).toBeUndefined();
    await list.close();
  });

  test('are listed newest first, page by page', async () => {
    for (let i = 0; i < 5; i++) start([`a${i}`]);
    const first = list.list({ limit: 2 });
    const second = list.list({ limit: 2, before: first[1]?.order ?? 0 });
    const names = [...first, ...second].map(({ items: [only] }) => only?.reference);
    expect(names).toEqual(['a4', 'a3', 'a2', 'a1']);
    await list.close();
  });

  test('are not begun while the mirror ends', async () => {
    start(['a']);
    await list.close();
    expect(taskOf('a').signal.aborted).toBe(true);
    expect(() => start(['b'])).toThrow('the mirror is shutting down');
  });
});
