import { describe, expect, test } from '@jest/globals';
import { createCommitQueue } from '../../../src/store/commit-queue.ts';
import { nextTurn } from './fixtures.ts';

describe('the commit queue', () => {
  test('so many run at once, the rest in order, and a failure frees its place', async () => {
    const queue = createCommitQueue(2);
    const started: number[] = [];
    const gates: (() => void)[] = [];
    const runs = [0, 1, 2, 3].map((index) =>
      queue.run(async () => {
        started.push(index);
        await new Promise<void>((resolve) => gates.push(resolve));
        if (index === 0) throw new Error('EIO');
        return index;
      }),
    );
    const ends = Promise.allSettled(runs);
    await nextTurn();
    expect(started).toEqual([0, 1]);
    gates[0]?.();
    await nextTurn();
    expect(started).toEqual([0, 1, 2]);
    gates[1]?.();
    gates[2]?.();
    await nextTurn();
    expect(started).toEqual([0, 1, 2, 3]);
    gates[3]?.();
    expect((await ends).map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'fulfilled', 'fulfilled']);
    expect(await queue.run(() => Promise.resolve('free'))).toBe('free');
  });
});
