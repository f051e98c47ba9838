import { beforeEach, describe, expect, test } from '@jest/globals';
import { RecentRuns } from '../../../../src/mirror/fill/recent-runs.ts';

let recent: RecentRuns;
let released: number[];

beforeEach(() => {
  recent = new RecentRuns();
  released = [];
});

/** Ten bytes whose values are their offsets. */
function add(start: number, readers = 1): void {
  const bytes = Uint8Array.from({ length: 10 }, (_, i) => start + i);
  recent.add({ start, bytes, release: () => void released.push(start) }, readers);
}

function lend(position: number, end = Infinity): { readonly bytes: readonly number[]; release(): void } {
  const chunk = recent.lend(position, end);
  if (chunk === undefined) throw new Error(`nothing is lent from ${position} on`);
  return { bytes: [...chunk.bytes], release: chunk.release };
}

describe('the runs that came last', () => {
  test('are lent from where a reader is to their end, or to where it may read', () => {
    add(0);
    add(20);
    expect(lend(0, 4).bytes).toEqual([0, 1, 2, 3]);
    expect(lend(7).bytes).toEqual([7, 8, 9]);
    expect(lend(29).bytes).toEqual([29]);
  });

  test('hold nothing of what did not come, or long ago', () => {
    for (const start of [0, 10, 20, 30, 50]) add(start);
    expect(released).toEqual([0]);
    for (const position of [0, 9, 40, 49, 60]) expect(recent.lend(position, Infinity)).toBeUndefined();
    expect(lend(10).bytes[0]).toBe(10);
  });

  test('are let go of when all who were near have had their ends, and have written them', () => {
    add(0, 2);
    const first = lend(0);
    lend(0, 5).release();
    const second = lend(5);
    expect(recent.lend(0, Infinity)).toBeUndefined();
    first.release();
    first.release();
    expect(released).toEqual([]);
    second.release();
    expect(released).toEqual([0]);
  });

  test('stay for whoever writes them when they are forgotten', () => {
    add(0);
    add(10);
    const chunk = lend(0, 5);
    recent.clear();
    recent.clear();
    expect(released).toEqual([10]);
    expect(recent.lend(0, Infinity)).toBeUndefined();
    chunk.release();
    expect(released).toEqual([10, 0]);
  });
});
