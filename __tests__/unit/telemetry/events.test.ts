import { expect, test } from '@jest/globals';
import { createEvents, type Happening } from '../../../src/telemetry/events.ts';
import { silentLog } from '../../../src/telemetry/log.ts';

const evicted = (objects: number): Happening => ({ type: 'evicted', objects, bytes: 1 });
const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

test('watchers are told in order, when whoever publishes is done', async () => {
  const events = createEvents(silentLog);
  const told: Happening[] = [];
  events.watch((happening) => void told.push(happening));
  events.publish(evicted(1));
  events.publish(evicted(2));
  expect(told).toEqual([]);
  await nextTurn();
  expect(told).toEqual([evicted(1), evicted(2)]);
});

test('whoever has stopped watching is told nothing more', async () => {
  const events = createEvents(silentLog);
  const told: Happening[] = [];
  const stop = events.watch((happening) => void told.push(happening));
  events.publish(evicted(1));
  stop();
  events.publish(evicted(2));
  await nextTurn();
  expect(told).toEqual([]);
});

test('what a watcher throws is logged, and the others are told all the same', async () => {
  const errors: object[] = [];
  const events = createEvents({ ...silentLog, error: (fields) => void errors.push(fields) });
  const told: Happening[] = [];
  events.watch(() => {
    throw new Error('planted');
  });
  events.watch((happening) => void told.push(happening));
  events.publish(evicted(1));
  await nextTurn();
  expect(told).toEqual([evicted(1)]);
  expect(errors).toMatchObject([{ event: 'evicted', err: { message: 'planted' } }]);
});

test('what waits to be told is bounded', async () => {
  const events = createEvents(silentLog);
  let told = 0;
  events.watch(() => void told++);
  for (let n = 0; n < 20_000; n += 1) events.publish(evicted(n));
  await nextTurn();
  expect(told).toBe(10_000);
});
