import { expect, test } from '@jest/globals';
import { KeyedQueue } from '../../../src/store/keyed-queue.ts';
import { createGate } from '../../support/gate.ts';
import { nextTurn } from './fixtures.ts';

test('tasks of one key come one after the other, in order of arrival', async () => {
  const queue = new KeyedQueue<string>();
  const gates = [createGate(), createGate(), createGate()];
  const events: string[] = [];
  const results = gates.map((gate, index) =>
    queue.run('a', async () => {
      events.push(`${index} begins`);
      await gate.pass();
      events.push(`${index} ends`);
      return index;
    }),
  );
  gates[2]?.open();
  gates[1]?.open();
  await nextTurn();
  expect(events).toEqual(['0 begins']);
  gates[0]?.open();
  expect(await Promise.all(results)).toEqual([0, 1, 2]);
  expect(events).toEqual(['0 begins', '0 ends', '1 begins', '1 ends', '2 begins', '2 ends']);
});

test('tasks of different keys go side by side, at once', async () => {
  const queue = new KeyedQueue<number>();
  const gate = createGate();
  const begun: number[] = [];
  const results = [1, 2].map((key) =>
    queue.run(key, async () => {
      begun.push(key);
      await gate.pass();
    }),
  );
  expect(begun).toEqual([1, 2]);
  gate.open();
  await Promise.all(results);
});

test('a task that fails fails alone', async () => {
  const queue = new KeyedQueue<string>();
  const failing = queue.run('a', () => Promise.reject(new Error('this one')));
  const next = queue.run('a', () => Promise.resolve('fine'));
  await expect(failing).rejects.toThrow('this one');
  expect(await next).toBe('fine');
});

test('a task that comes while the last one ends waits for it, one that comes after begins at once', async () => {
  const queue = new KeyedQueue<string>();
  const events: string[] = [];
  const gate = createGate();
  const first = queue.run('a', async () => {
    await gate.pass();
    events.push('first');
  });
  const second = queue.run('a', async () => {
    await nextTurn();
    events.push('second');
  });
  gate.open();
  await first;
  const third = queue.run('a', async () => await Promise.resolve(void events.push('third')));
  await Promise.all([second, third]);
  expect(events).toEqual(['first', 'second', 'third']);
  let hasBegun = false;
  const last = queue.run('a', async () => await Promise.resolve(void (hasBegun = true)));
  expect(hasBegun).toBe(true);
  await last;
});
