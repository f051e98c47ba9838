import { expect, test } from '@jest/globals';
import { HeldMemory } from '../../../../src/mirror/fill/held-memory.ts';

test('memory that is held counts until it is let go of', () => {
  const memory = new HeldMemory(100);
  memory.take(60);
  expect(memory.fits(40)).toBe(true);
  expect(memory.fits(41)).toBe(false);
  memory.take(60);
  expect(memory.fits(0)).toBe(false);
  memory.release(60);
  expect(memory.fits(40)).toBe(true);
});
