import { beforeEach, describe, expect, test } from '@jest/globals';
import { Journal } from '../../../../src/mirror/fill/journal.ts';
import { Segments } from '../../../../src/mirror/fill/segments.ts';
import type { PartialContent } from '../../../../src/store/content-store.ts';
import { computeDigest } from '../../../../src/oci/digest.ts';
import { createManualClock, type ManualClock } from '../../http/manual-clock.ts';
import { MemoryContentStore } from '../fakes/memory-content-store.ts';

type Saved = Parameters<PartialContent['saveJournal']>[0];

let clock: ManualClock;
let segments: Segments;
let saved: Saved[];
let failure: Error | undefined;
let journal: Journal;

beforeEach(async () => {
  clock = createManualClock();
  segments = new Segments();
  saved = [];
  failure = undefined;
  const partial = await new MemoryContentStore().begin(computeDigest('sha256', Buffer.from('x')));
  partial.saveJournal = async (state) => {
    await Promise.resolve();
    if (failure !== undefined) throw failure;
    saved.push(state);
  };
  journal = new Journal(partial, segments, clock);
});

/** Bytes up to `end` are on file. */
function arrive(end: number): void {
  segments.here.add({ start: 0, end });
  journal.touch();
}

async function settle(): Promise<void> {
  await new Promise((resolve) => {
    setImmediate(resolve);
  });
}

describe('the journal of a fill', () => {
  test('is at most 200 ms behind, and is written once for all that came in that time', async () => {
    arrive(10);
    clock.advance(150);
    arrive(20);
    clock.advance(49);
    await settle();
    expect(saved).toEqual([]);
    clock.advance(1);
    await settle();
    expect(saved).toEqual([{ spans: [{ start: 0, end: 20 }], sizeBytes: undefined }]);
    clock.advance(1000);
    await settle();
    expect(saved).toHaveLength(1);
    expect(clock.pending).toBe(0);
  });

  test('keeps what it wrote: spans that come later do not change it', async () => {
    arrive(10);
    clock.advance(200);
    await settle();
    segments.here.add({ start: 10, end: 30 });
    expect(saved[0]?.spans).toEqual([{ start: 0, end: 10 }]);
  });

  test('that cannot be written is tried again with the next bytes', async () => {
    failure = new Error('ENOSPC');
    arrive(10);
    clock.advance(200);
    await settle();
    failure = undefined;
    arrive(20);
    clock.advance(200);
    await settle();
    expect(saved).toMatchObject([{ spans: [{ start: 0, end: 20 }] }]);
  });

  test('is written a last time on demand, and then no more', async () => {
    segments.here.add({ start: 0, end: 10 });
    await journal.save();
    expect(saved).toMatchObject([{ spans: [{ start: 0, end: 10 }] }]);
    arrive(20);
    clock.advance(1000);
    await settle();
    expect(saved).toHaveLength(1);
    expect(clock.pending).toBe(0);
  });

  test('that cannot be written at the last says so', async () => {
    failure = new Error('ENOSPC');
    await expect(journal.save()).rejects.toThrow('ENOSPC');
  });
});
