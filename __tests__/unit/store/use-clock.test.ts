import { describe, expect, test } from '@jest/globals';
import { createUseClock } from '../../../src/store/use-clock.ts';
import { createManualClock } from '../http/manual-clock.ts';

const hour = 3_600_000;
const day = 24 * hour;
const now = Date.UTC(2026, 0);

/** The use clock of a process that starts when the wall says `wallMs` and what was used last was at `newestUseMs`. */
function startAt(wallMs: number, newestUseMs: number | undefined) {
  const clock = createManualClock(5000);
  clock.setWall(wallMs);
  return { clock, useTimeMs: createUseClock(clock, newestUseMs) };
}

describe('at the start', () => {
  test.each([
    ['is what the wall says when nothing was ever used', now, undefined, now],
    ['is what the wall says', now, now - 30 * day, now],
    ['is what the wall says an hour after the last use', now + hour, now, now + hour],
    ['is what the wall says to the moment of the last use', now, now, now],
    ['goes on from the last use when the wall is an hour behind it', now - hour, now, now],
    ['goes on from the last use when the wall is in 1970', 0, now, now],
    ['goes on from the last use when the wall is in 2100', Date.UTC(2100, 0), now, now],
    ['is what the wall says a year later', now + 365 * day, now, now + 365 * day],
    ['goes on from the last use more than a year later', now + 365 * day + 1, now, now],
    ['is what the wall says when nothing was ever used, even 1970', 0, undefined, 0],
  ])('the time of a use %s', (_what, wallMs, newestUseMs, expected) => {
    expect(startAt(wallMs, newestUseMs).useTimeMs()).toBe(expected);
  });
});

describe('while we run', () => {
  test('it goes as fast as time, in whole milliseconds, whatever the wall clock does', () => {
    const { clock, useTimeMs } = startAt(now, now - hour);
    clock.advance(1500.6);
    expect(useTimeMs()).toBe(now + 1500);
    for (const wallMs of [0, Date.UTC(2100, 0), now - hour, now + hour]) {
      clock.setWall(wallMs);
      expect(useTimeMs()).toBe(now + 1500);
    }
    clock.advance(day);
    expect(useTimeMs()).toBe(now + day + 1500);
  });
});

test('from one process to the next it never goes back, and comes back to the wall when that is right again', () => {
  const walls = [now, 0, now + hour, Date.UTC(2100, 0), now - hour, now + 40 * day];
  let newest: number | undefined;
  const starts: number[] = [];
  for (const wallMs of walls) {
    const { clock, useTimeMs } = startAt(wallMs, newest);
    starts.push(useTimeMs());
    clock.advance(1000);
    newest = useTimeMs();
  }
  expect(starts).toEqual([now, now + 1000, now + hour, now + hour + 1000, now + hour + 2000, now + 40 * day]);
});
