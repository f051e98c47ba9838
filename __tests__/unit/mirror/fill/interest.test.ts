import { beforeEach, describe, expect, test } from '@jest/globals';
import { Interests } from '../../../../src/mirror/fill/interest.ts';
import { Sources } from '../../../../src/mirror/fill/sources.ts';
import { SpanSet } from '../../../../src/mirror/fill/span-set.ts';
import { ScriptedBlobUpstream } from '../fakes/scripted-blob-upstream.ts';

const MiB = 1024 * 1024;
const source = new Sources().join(new ScriptedBlobUpstream(), 'library/a');
const nothing = new SpanSet();

let interests: Interests;

beforeEach(() => {
  interests = new Interests();
});

describe('those who are after bytes of a fill', () => {
  test('are counted until they leave', () => {
    const one = interests.add(source, { type: 'whole' });
    interests.add(source, { type: 'suffix', length: 1 });
    expect(interests.size).toBe(2);
    interests.remove(one);
    interests.remove(one);
    expect(interests.size).toBe(1);
  });

  test('wait for the first byte that is not here, each place once', () => {
    const here = new SpanSet([
      { start: 0, end: 10 },
      { start: 100, end: 120 },
    ]);
    interests.add(source, { type: 'whole' });
    interests.add(source, { type: 'from', start: 5, end: 50 });
    interests.add(source, { type: 'from', start: 110, end: 200 });
    expect(interests.waiting(here, undefined)).toEqual([10, 120]);
  });

  test('are close to bytes that they want, and have not had, when they are at most 4 MiB behind them', () => {
    for (const position of [0, 5 * MiB, 6 * MiB, 9 * MiB, 10 * MiB, 20 * MiB])
      interests.add(source, { type: 'from', start: position, end: Infinity });
    interests.add(source, { type: 'from', start: 8 * MiB, end: 9 * MiB });
    interests.add(source, { type: 'suffix', length: 1 });
    expect(interests.countNear({ start: 9 * MiB, end: 10 * MiB })).toBe(3);
  });

  test('wait for nothing once what they want is here', () => {
    interests.add(source, { type: 'from', start: 10, end: 20 });
    expect(interests.waiting(new SpanSet([{ start: 0, end: 20 }]), undefined)).toEqual([]);
    expect(interests.waiting(new SpanSet([{ start: 0, end: 19 }]), undefined)).toEqual([19]);
  });

  test('wait for nothing beyond the end', () => {
    interests.add(source, { type: 'whole' });
    interests.add(source, { type: 'from', start: 200, end: Infinity });
    expect(interests.waiting(new SpanSet([{ start: 0, end: 100 }]), 100)).toEqual([]);
    expect(interests.waiting(nothing, 100)).toEqual([0]);
  });

  test('of the last bytes cannot say where they wait before the size is known', () => {
    const last = interests.add(source, { type: 'suffix', length: 10 });
    expect(interests.waiting(nothing, undefined)).toEqual([]);
    interests.settle(last, { start: 90, end: 100 });
    expect(interests.waiting(nothing, 100)).toEqual([90]);
  });

  test('no longer wait once they have left', () => {
    interests.remove(interests.add(source, { type: 'whole' }));
    expect(interests.waiting(nothing, undefined)).toEqual([]);
  });
});

describe('whether all of an object is wanted', () => {
  test('is so once somebody reads it whole, also after that one has left', () => {
    expect(interests.isWhole(undefined)).toBe(false);
    interests.remove(interests.add(source, { type: 'whole' }));
    expect(interests.isWhole(undefined)).toBe(true);
  });

  test('is so once a quarter of it was asked for, in however many pieces', () => {
    interests.add(source, { type: 'from', start: 0, end: 10 });
    interests.add(source, { type: 'from', start: 50, end: 64 });
    expect(interests.isWhole(100)).toBe(false);
    expect(interests.isWhole(undefined)).toBe(false);
    interests.add(source, { type: 'from', start: 64, end: 65 });
    expect(interests.isWhole(100)).toBe(true);
  });

  test('does not count the same bytes twice', () => {
    for (let reader = 0; reader < 10; reader++) interests.add(source, { type: 'from', start: 0, end: 10 });
    expect(interests.asked.totalBytes).toBe(10);
    expect(interests.isWhole(100)).toBe(false);
  });

  test('counts of an open range the first 16 MiB only, until it is known how far it goes', () => {
    const open = interests.add(source, { type: 'from', start: 0, end: Infinity });
    expect(interests.asked.totalBytes).toBe(16 * MiB);
    interests.settle(open, { start: 0, end: 40 * MiB });
    expect(interests.asked.totalBytes).toBe(40 * MiB);
  });

  test('does not count what lies beyond the end', () => {
    interests.add(source, { type: 'from', start: 90, end: 1000 });
    interests.clip(100);
    expect(interests.asked.spans).toEqual([{ start: 90, end: 100 }]);
    expect(interests.isWhole(100)).toBe(false);
  });

  test('can be said without a reader', () => {
    interests.wantWhole();
    expect(interests.isWhole(undefined)).toBe(true);
  });
});

describe('whether the size has to be asked for first', () => {
  test.each([
    ['nobody is there', [], undefined, false],
    ['all want the last bytes', [{ type: 'suffix', length: 1 }], undefined, true],
    ['somebody reads from the start', [{ type: 'suffix', length: 1 }, { type: 'whole' }], undefined, false],
    ['somebody wants the first bytes', [{ type: 'from', start: 0, end: 1 }], undefined, false],
    ['all want bytes that may be beyond the end', [{ type: 'from', start: 10, end: 20 }], undefined, true],
    ['the size is about known', [{ type: 'from', start: 10, end: 20 }], 100, false],
    ['the size is about known, and it is too small', [{ type: 'from', start: 100, end: 200 }], 100, true],
  ] as const)('when %s', (_what, demands, hintBytes, expected) => {
    for (const demand of demands) interests.add(source, demand);
    expect(interests.needSize(hintBytes)).toBe(expected);
  });
});
