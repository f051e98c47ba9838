import { beforeEach, describe, expect, test } from '@jest/globals';
import { ConnectionSlots } from '../../../../src/mirror/fill/connection-slots.ts';

let slots: ConnectionSlots;
let freed: string[];

beforeEach(() => {
  slots = new ConnectionSlots(() => 2);
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
