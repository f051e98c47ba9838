import { expect, test } from '@jest/globals';
import { TurnBudget } from '../../../src/http/turn-budget.ts';

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Takes `bytes` and notes the name when it may write. */
async function write(budget: TurnBudget, bytes: number, name: string, written: string[]): Promise<void> {
  await budget.take(bytes);
  written.push(name);
}

test('what fits into a turn is written at once', () => {
  const budget = new TurnBudget(100);
  expect(budget.take(60)).toBeUndefined();
  expect(budget.take(60)).toBeUndefined();
  expect(budget.take(1)).toBeInstanceOf(Promise);
});

test('who came too late is the first in the next turn, in order of arrival', async () => {
  const budget = new TurnBudget(100);
  const written: string[] = [];
  void write(budget, 100, 'first', written);
  for (const name of ['second', 'third', 'fourth']) void write(budget, 60, name, written);
  await Promise.resolve();
  expect(written).toEqual(['first']);
  await nextTurn();
  expect(written).toEqual(['first', 'second', 'third']);
  void write(budget, 1, 'fifth', written);
  await Promise.resolve();
  expect(written).toEqual(['first', 'second', 'third']);
  await nextTurn();
  expect(written).toEqual(['first', 'second', 'third', 'fourth', 'fifth']);
});

test('a turn in which nobody writes gives nothing away, and the next one has all of it', async () => {
  const budget = new TurnBudget(100);
  void budget.take(100);
  await nextTurn();
  expect(budget.take(100)).toBeUndefined();
  expect(budget.take(100)).toBeInstanceOf(Promise);
});

test('more than a turn has is written all the same', async () => {
  const budget = new TurnBudget(100);
  expect(budget.take(1000)).toBeUndefined();
  const written: string[] = [];
  void write(budget, 1000, 'second', written);
  await nextTurn();
  expect(written).toEqual(['second']);
});
