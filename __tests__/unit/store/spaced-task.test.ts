import { expect, test } from '@jest/globals';
import { SpacedTask } from '../../../src/store/spaced-task.ts';
import { FakeClock } from './fixtures.ts';

const everyMs = 100;
/** Longer than a run that is due needs to begin. */
const fewTurns = 3;

function createTask() {
  const clock = new FakeClock();
  let runs = 0;
  let isUrgent = false;
  const task = new SpacedTask({
    clock,
    everyMs,
    isUrgent: () => isUrgent,
    run: async () => void (runs += 1),
  });
  return {
    task,
    clock,
    setUrgent: (value: boolean) => void (isUrgent = value),
    runs: () => runs,
  };
}

async function turns(): Promise<void> {
  for (let i = 0; i < fewTurns; i += 1) await new Promise((resolve) => setImmediate(resolve));
}

test('runs once for all who ask in one turn', async () => {
  const { task, runs } = createTask();
  task.ask();
  task.ask();
  expect(runs()).toBe(0);
  await turns();
  expect(runs()).toBe(1);
});

test('waits between runs, and then runs for all who have asked', async () => {
  const { task, clock, runs } = createTask();
  task.ask();
  await turns();
  task.ask();
  task.ask();
  await turns();
  clock.advance(everyMs - 1);
  await turns();
  expect(runs()).toBe(1);
  clock.advance(1);
  await turns();
  expect(runs()).toBe(2);
});

test('does not wait when it is urgent, nor any longer when it becomes so', async () => {
  const { task, setUrgent, runs } = createTask();
  task.ask();
  await turns();
  task.ask();
  await turns();
  expect(runs()).toBe(1);
  setUrgent(true);
  task.ask();
  await turns();
  expect(runs()).toBe(2);
  task.ask();
  await turns();
  expect(runs()).toBe(3);
});

test('who waits for it does not wait for the time', async () => {
  const { task, runs } = createTask();
  task.ask();
  await task.settled();
  task.ask();
  await task.settled();
  expect(runs()).toBe(2);
  await task.settled();
  expect(runs()).toBe(2);
});

test('does not run any more when it is closed', async () => {
  const { task, clock, runs } = createTask();
  task.ask();
  await turns();
  task.ask();
  await turns();
  await task.close();
  task.ask();
  clock.advance(everyMs);
  await turns();
  expect(runs()).toBe(1);
});
