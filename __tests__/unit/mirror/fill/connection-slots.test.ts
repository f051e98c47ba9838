import { beforeEach, describe, expect, test } from '@jest/globals';
import { ConnectionSlots } from '../../../../src/mirror/fill/connection-slots.ts';
import { createManualClock, type ManualClock } from '../../http/manual-clock.ts';

let slots: ConnectionSlots;
let clock: ManualClock;
let freed: string[];

beforeEach(() => {
  clock = createManualClock();
  slots = new ConnectionSlots(() => 2, clock);
  freed = [];
});

function waitAs(name: string, upstream = 'docker.io'): () => void {
  return slots.whenFree(upstream, () => freed.push(name));
}

describe('connections to an upstream', () => {
  test('are as many as configured, for each upstream by itself', () => {
    expect([slots.tryTake('docker.io'), slots.tryTake('docker.io'), slots.tryTake('docker.io')]).toEqual([
      true,
      true,
      false,
    ]);
    expect(slots.tryTake('ghcr.io')).toBe(true);
    slots.release('docker.io');
    expect(slots.tryTake('docker.io')).toBe(true);
    expect(slots.tryTake('docker.io')).toBe(false);
  });

  test('that come free are offered to one who waits, in order of asking', () => {
    slots.tryTake('docker.io');
    slots.tryTake('docker.io');
    waitAs('first');
    waitAs('second');
    expect(freed).toEqual([]);
    slots.release('docker.io');
    expect(freed).toEqual(['first']);
    slots.release('docker.io');
    expect(freed).toEqual(['first', 'second']);
  });

  test('can be taken by the one to whom they are offered', () => {
    slots.tryTake('docker.io');
    slots.tryTake('docker.io');
    let isTaken = false;
    slots.whenFree('docker.io', () => {
      isTaken = slots.tryTake('docker.io');
    });
    slots.release('docker.io');
    expect(isTaken).toBe(true);
    expect(slots.tryTake('docker.io')).toBe(false);
  });

  test('are not offered to one who has taken the request back, nor to those of another upstream', () => {
    slots.tryTake('docker.io');
    const takeBack = waitAs('gone');
    waitAs('next');
    waitAs('elsewhere', 'ghcr.io');
    takeBack();
    takeBack();
    slots.release('docker.io');
    expect(freed).toEqual(['next']);
  });

  test('stay as many as configured when one is given back too often', () => {
    slots.release('docker.io');
    expect([slots.tryTake('docker.io'), slots.tryTake('docker.io'), slots.tryTake('docker.io')]).toEqual([
      true,
      true,
      false,
    ]);
  });
});

describe('an upstream that has answered 429', () => {
  /** Takes all that there are, and gives their number. */
  function takeAll(upstream = 'docker.io'): number {
    let count = 0;
    while (slots.tryTake(upstream)) count += 1;
    return count;
  }

  function releaseAll(count: number, { areServed = false } = {}, upstream = 'docker.io'): void {
    for (let n = 0; n < count; n += 1) {
      if (areServed) slots.served(upstream);
      slots.release(upstream);
    }
  }

  beforeEach(() => {
    slots = new ConnectionSlots(() => 16, clock);
  });

  test('gets half of the connections that it had, however many it tells so, and others as many as before', () => {
    for (let n = 0; n < 12; n += 1) slots.tryTake('docker.io');
    for (let n = 0; n < 12; n += 1) {
      slots.throttled('docker.io', 10_000);
      slots.release('docker.io');
    }
    clock.advance(9_999);
    slots.throttled('docker.io');
    expect(takeAll()).toBe(6);
    expect(takeAll('ghcr.io')).toBe(16);
  });

  test('is not told to have said it again by those who come while its pause, which has become longer, holds', () => {
    takeAll();
    slots.throttled('docker.io', 1_000);
    clock.advance(900);
    slots.throttled('docker.io', 1_000);
    releaseAll(16);
    clock.advance(500);
    slots.tryTake('docker.io');
    slots.throttled('docker.io', 500);
    slots.release('docker.io');
    clock.advance(500);
    expect(takeAll()).toBe(8);
  });

  test('gets half of that when it answers so again after its pause, four in the end, and never more than before', () => {
    for (const left of [8, 4, 4]) {
      releaseAll(takeAll() - 1);
      takeAll();
      slots.throttled('docker.io', 1_000);
      clock.advance(1_000);
      releaseAll(16);
      expect(takeAll()).toBe(left);
    }
  });

  test('that may have fewer than four keeps them', () => {
    slots = new ConnectionSlots(() => 2, clock);
    takeAll();
    slots.throttled('docker.io', 1_000);
    releaseAll(2);
    expect(takeAll()).toBe(2);
  });

  test('gets one more for each round that went well since its pause, up to what is configured', () => {
    takeAll();
    slots.throttled('docker.io', 1_000);
    releaseAll(16, { areServed: true });
    expect(takeAll()).toBe(8);
    releaseAll(8, { areServed: true });
    clock.advance(1_000);
    const counts: number[] = [];
    for (let n = 0; n < 12; n += 1) {
      const count = takeAll();
      counts.push(count);
      releaseAll(count, { areServed: true });
    }
    expect(counts[0]).toBe(8);
    for (const [n, count] of counts.entries()) expect(count - (counts[n - 1] ?? 8)).toBeLessThanOrEqual(1);
    expect(takeAll()).toBe(16);
  });

  test('leaves those who wait where they are until less than it may have are taken', () => {
    takeAll();
    slots.throttled('docker.io', 1_000);
    waitAs('first');
    releaseAll(8);
    expect(freed).toEqual([]);
    slots.release('docker.io');
    expect(freed).toEqual(['first']);
  });
});
