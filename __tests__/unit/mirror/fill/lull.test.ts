import { beforeEach, expect, test } from '@jest/globals';
import { Lull } from '../../../../src/mirror/fill/lull.ts';
import { createManualClock, type ManualClock } from '../../http/manual-clock.ts';

let clock: ManualClock;
let lull: Lull;
let written: string[];

beforeEach(() => {
  clock = createManualClock();
  lull = new Lull({ clock, quietMs: 50 });
  written = [];
});

function write(name: string, bytes = 1000): void {
  void lull.wait(bytes).then(() => written.push(name));
}

async function pass(ms: number): Promise<void> {
  clock.advance(ms);
  await new Promise((resolve) => setImmediate(resolve));
}

test('writing waits until nothing has come for a while', async () => {
  const arrive = lull.begin();
  arrive();
  write('a');
  await pass(49);
  const arriveNext = lull.begin();
  await pass(500);
  expect(written).toEqual([]);
  arriveNext();
  write('b');
  await pass(49);
  expect(written).toEqual([]);
  await pass(1);
  expect(written).toEqual(['a', 'b']);
  expect(clock.pending).toBe(0);
});

test('writing does not wait longer than a second for a lull that does not come', async () => {
  const arrive = lull.begin();
  write('a');
  await pass(999);
  expect(written).toEqual([]);
  await pass(1);
  expect(written).toEqual(['a']);
  arrive();
  expect(clock.pending).toBe(0);
});

test('writing begins at once when too much waits', async () => {
  lull.begin();
  write('a', 10 * 1024 * 1024);
  write('b', 10 * 1024 * 1024);
  await pass(0);
  expect(written).toEqual(['a', 'b']);
  expect(clock.pending).toBe(0);
});

test('an arrival counts once, however often it is told', async () => {
  const arrive = lull.begin();
  lull.begin();
  arrive();
  arrive();
  write('a');
  await pass(100);
  expect(written).toEqual([]);
});

test('nobody waits once all is over', async () => {
  lull.begin();
  write('a');
  lull.close();
  write('b');
  await pass(0);
  expect(written.toSorted()).toEqual(['a', 'b']);
  expect(clock.pending).toBe(0);
});

test('where no quiet is asked for, only what is still coming is waited for', async () => {
  lull = new Lull({ clock, quietMs: 0 });
  write('a');
  await pass(0);
  expect(written).toEqual(['a']);
});
