import { describe, expect, test } from '@jest/globals';
import { Ramp } from '../../../../src/mirror/fill/ramp.ts';

/** Ends a window of half a second in which so many bytes came in over all that was allowed. */
function endWindow(ramp: Ramp, bytes: number, running = ramp.allowed): number {
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

  test('goes back by one, for good, when the last one was not worth it', () => {
    const ramp = new Ramp(4);
    endWindow(ramp, 100);
    expect(endWindow(ramp, 119)).toBe(1);
    expect(endWindow(ramp, 1000)).toBe(1);
    expect(endWindow(ramp, 10)).toBe(1);
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
  });

  test('is one where only one is allowed', () => {
    const ramp = new Ramp(1);
    expect(endWindow(ramp, 100)).toBe(1);
    expect(endWindow(ramp, 1000)).toBe(1);
  });

  test('learns nothing from a window in which fewer were open, or none received', () => {
    const ramp = new Ramp(4);
    expect(endWindow(ramp, 0)).toBe(1);
    endWindow(ramp, 100);
    expect(endWindow(ramp, 100, 1)).toBe(2);
    expect(endWindow(ramp, 200)).toBe(3);
  });

  test('looks at the rate, not at the bytes: windows may be of any length', () => {
    const ramp = new Ramp(4);
    endWindow(ramp, 100);
    ramp.received(200);
    ramp.endWindow(1000, 2);
    expect(ramp.allowed).toBe(1);
  });
});
