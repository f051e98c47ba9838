import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { Job } from '../../../../src/mirror/jobs/job.ts';
import type { PullJob } from '../../../../src/mirror/jobs/jobs.ts';
import { createPrefetch, type Prefetch, type PrefetchOptions } from '../../../../src/mirror/jobs/prefetch.ts';
import { MirrorError } from '../../../../src/oci/errors.ts';
import type { ImageName } from '../../../../src/oci/image-name.ts';
import { silentLog } from '../../../../src/telemetry/log.ts';
import { createManualClock, type ManualClock } from '../../http/manual-clock.ts';

const minute = 60_000;
const image: ImageName = {
  upstream: 'docker.io',
  repository: 'library/alpine',
  reference: { type: 'tag', tag: 'latest' },
};

let clock: ManualClock;
let warnings: { readonly fields: object; readonly message: string }[];
let rounds: { readonly pull: PullJob; end(errors?: readonly (string | undefined)[]): Promise<void> }[];
let cancelled: string[];
let refusal: MirrorError | undefined;
let prefetch: Prefetch | undefined;

beforeEach(() => {
  clock = createManualClock();
  warnings = [];
  rounds = [];
  cancelled = [];
  refusal = undefined;
});

afterEach(async () => {
  void rounds.at(-1)?.end();
  await prefetch?.close();
  expect(clock.pending).toBe(0);
});

async function settle(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
}

function start(options: Partial<PrefetchOptions> = {}): void {
  const jobs = {
    startPull(pull: PullJob) {
      if (refusal !== undefined) throw refusal;
      const ended = Promise.withResolvers<Job>();
      const job = { id: `job ${rounds.length}`, state: 'done', items: [] } as unknown as Job;
      rounds.push({
        pull,
        async end(errors = []) {
          const items = errors.map((error, i) => ({ reference: `image ${i}`, error }));
          ended.resolve({ ...job, items } as unknown as Job);
          await settle();
        },
      });
      return { id: job.id, job, ended: ended.promise };
    },
    cancel(id: string) {
      cancelled.push(id);
      return undefined;
    },
  };
  const log = { ...silentLog, warn: (fields: object, message: string) => void warnings.push({ fields, message }) };
  const own = { images: [image], platforms: undefined, everyMs: 60 * minute, isAtStart: true };
  prefetch = createPrefetch({ jobs, clock, log, ...own, ...options });
  prefetch.start();
}

describe('prefetch', () => {
  test('begins at the start, believes fresh tags then, and asks anew in every later round', async () => {
    start({ platforms: 'all' });
    expect(rounds[0]?.pull).toEqual({ names: [image], origin: 'prefetch', platforms: 'all', isAnew: false });
    await rounds[0]?.end();
    clock.advance(59 * minute);
    expect(rounds).toHaveLength(1);
    clock.advance(minute);
    expect(rounds[1]?.pull).toMatchObject({ origin: 'prefetch', isAnew: true });
  });

  test('waits for its first round where it should not begin at the start', async () => {
    start({ isAtStart: false });
    expect(rounds).toHaveLength(0);
    clock.advance(60 * minute);
    expect(rounds).toHaveLength(1);
    await rounds[0]?.end();
  });

  test('begins no round while another one runs, and the next at once after one that took too long', async () => {
    start();
    clock.advance(500 * minute);
    expect(rounds).toHaveLength(1);
    await rounds[0]?.end();
    clock.advance(0);
    expect(rounds).toHaveLength(2);
  });

  test('says of each image once a round what failed, and goes on', async () => {
    start();
    await rounds[0]?.end([undefined, 'no answer']);
    clock.advance(60 * minute);
    await rounds[1]?.end(['no answer', 'no answer']);
    const message = 'an image could not be prefetched';
    expect(warnings).toEqual([
      { fields: { image: 'image 1', reason: 'no answer' }, message },
      { fields: { image: 'image 0', reason: 'no answer' }, message },
      { fields: { image: 'image 1', reason: 'no answer' }, message },
    ]);
  });

  test('tries again in the next round where too many jobs run', async () => {
    refusal = new MirrorError({ kind: 'overloaded', message: 'too many' });
    start();
    await settle();
    expect(warnings).toMatchObject([{ message: 'a round of prefetch could not begin' }]);
    refusal = undefined;
    clock.advance(60 * minute);
    expect(rounds).toHaveLength(1);
  });

  test.each([{ images: [] }, { isAtStart: false, everyMs: Infinity }])('does nothing with %j', (options) => {
    start(options);
    expect([rounds.length, clock.pending]).toEqual([0, 0]);
  });

  test('has one round only where it is told never to come again', async () => {
    start({ everyMs: Infinity });
    await rounds[0]?.end();
    expect(clock.pending).toBe(0);
  });

  test('cancels its round when it is closed', async () => {
    start();
    const closing = prefetch?.close();
    expect(cancelled).toEqual(['job 0']);
    await rounds[0]?.end();
    await closing;
    expect(clock.pending).toBe(0);
  });
});
