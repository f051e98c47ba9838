import { describe, expect, test } from '@jest/globals';
import { Ramp } from '../../../../src/mirror/fill/ramp.ts';

/** Ends a window of half a second in which all that were allowed received so many bytes. */
function endWindow(ramp: Ramp, bytes: number, running = ramp.allowed): number {
  ramp.watch(running);
  ramp.received(bytes);
  ramp.endWindow(500, running);
  return ramp.allowed;
}

describe('the number of connections of a fill', () => {
  test('begins at one and grows by one as long as each raises the rate by a fifth', () => {
    const ramp = new Ramp(4);
    expect(ramp.allowed).toBe(1);
    expect(endWindow(ramp, 100)).toBe(2);
    expect(endWindow(ramp, 120)).toBe(3);
    expect(endWindow(ramp, 144)).toBe(4);
  });

  test('goes back by one when the last one was not worth it, and tries again after a while', () => {
    const ramp = new Ramp(4);
    endWindow(ramp, 100);
    expect(endWindow(ramp, 119)).toBe(1);
    const allowed = Array.from({ length: 4 }, () => endWindow(ramp, 100));
    expect(allowed).toEqual([1, 1, 1, 2]);
    expect(endWindow(ramp, 200)).toBe(3);
  });

  test('tries again less and less often', () => {
    const ramp = new Ramp(4);
    endWindow(ramp, 100);
    endWindow(ramp, 100);
    for (let window = 0; window < 4; window++) endWindow(ramp, 100);
    expect(endWindow(ramp, 100)).toBe(1);
    const allowed = Array.from({ length: 8 }, () => endWindow(ramp, 100));
    expect(allowed).toEqual([1, 1, 1, 1, 1, 1, 1, 2]);
  });

  test('compares with the rate before the last connection, not with the first one', () => {
    const ramp = new Ramp(4);
    endWindow(ramp, 100);
    endWindow(ramp, 200);
    expect(endWindow(ramp, 230)).toBe(2);
  });

  test('never exceeds what is allowed, and stays there', () => {
    const ramp = new Ramp(2);
    endWindow(ramp, 100);
    expect(endWindow(ramp, 200)).toBe(2);
    expect(endWindow(ramp, 1)).toBe(2);
    expect(endWindow(ramp, 1)).toBe(2);
  });

  test('is one where only one is allowed', () => {
    const ramp = new Ramp(1);
    expect(endWindow(ramp, 100)).toBe(1);
    expect(endWindow(ramp, 1000)).toBe(1);
  });

  test('learns nothing from a window in which fewer or more were open, or none received', () => {
    const ramp = new Ramp(4);
    expect(endWindow(ramp, 0)).toBe(1);
    endWindow(ramp, 100);
    expect(endWindow(ramp, 100, 1)).toBe(2);
    expect(endWindow(ramp, 100, 3)).toBe(2);
    expect(endWindow(ramp, 200)).toBe(3);
  });

  test('begins to look when the new connection receives, not when it is asked for', () => {
    const ramp = new Ramp(4);
    endWindow(ramp, 100);
    expect(ramp.watch(1)).toBe(false);
    ramp.received(100);
    ramp.endWindow(500, 2);
    expect(ramp.allowed).toBe(2);
    ramp.received(50);
    expect(ramp.watch(2)).toBe(true);
    expect(ramp.watch(2)).toBe(false);
    ramp.received(200);
    ramp.endWindow(500, 2);
    expect(ramp.allowed).toBe(3);
  });

  test('looks at the rate, not at the bytes: windows may be of any length', () => {
    const ramp = new Ramp(4);
    endWindow(ramp, 100);
    ramp.watch(2);
    ramp.received(200);
    ramp.endWindow(1000, 2);
    expect(ramp.allowed).toBe(1);
  });
});
