import { beforeEach, describe, expect, test } from '@jest/globals';
import { Watchdog } from '../../../../src/mirror/fill/watchdog.ts';
import { createManualClock, type ManualClock } from '../../http/manual-clock.ts';

const idleMs = 15_000;
const minBytesPerSecond = 10_000;

let clock: ManualClock;
let stalls: number[];
let dog: Watchdog;

beforeEach(() => {
  clock = createManualClock();
  stalls = [];
  dog = new Watchdog({ clock, idleMs, minBytesPerSecond, onStall: () => void stalls.push(clock.monotonicMs()) });
});

/** So many bytes each second, for so many seconds. */
function receive(bytesPerSecond: number, seconds: number): void {
  for (let second = 0; second < seconds && stalls.length === 0; second++) {
    clock.advance(1000);
    dog.received(bytesPerSecond);
  }
}

describe('a connection', () => {
  test('that never says anything is ended after the idle time, once', () => {
    clock.advance(idleMs - 1);
    expect(stalls).toEqual([]);
    clock.advance(10 * idleMs);
    expect(stalls).toEqual([idleMs]);
    expect(clock.pending).toBe(0);
  });

  test('that falls silent is ended the idle time after its last byte', () => {
    receive(1_000_000, 20);
    clock.advance(idleMs - 1);
    expect(stalls).toEqual([]);
    clock.advance(1);
    expect(stalls).toEqual([20_000 + idleMs]);
  });

  test('that is fast enough is left alone for hours', () => {
    receive(minBytesPerSecond * 1.2, 7200);
    expect(stalls).toEqual([]);
  });

  test('that drips is ended although it is never silent', () => {
    receive(minBytesPerSecond / 2, 60);
    expect(stalls).toHaveLength(1);
    expect(stalls[0]).toBeLessThanOrEqual(2 * idleMs);
  });

  test('that was fast and now drips is ended soon after', () => {
    receive(10_000_000, 100);
    receive(100, 60);
    expect(stalls).toHaveLength(1);
    expect(stalls[0]).toBeLessThanOrEqual(100_000 + 2 * idleMs);
  });

  test('is not blamed for the time that we take', () => {
    receive(1_000_000, 3);
    dog.pause();
    clock.advance(100 * idleMs);
    expect(stalls).toEqual([]);
    dog.resume();
    clock.advance(idleMs - 1);
    expect(stalls).toEqual([]);
    clock.advance(2 * idleMs);
    expect(stalls).toHaveLength(1);
  });

  test('gets no time by a resume that follows no pause', () => {
    receive(1_000_000, 1);
    clock.advance(idleMs - 1);
    dog.resume();
    clock.advance(1);
    expect(stalls).toEqual([1000 + idleMs]);
  });

  test('is not watched any more after stop', () => {
    dog.stop();
    dog.stop();
    clock.advance(10 * idleMs);
    expect(stalls).toEqual([]);
    expect(clock.pending).toBe(0);
  });
});
