import { expect, test } from '@jest/globals';
import { HeldMemory } from '../../../../src/mirror/fill/held-memory.ts';

test('memory that is held counts until it is let go of', () => {
  const memory = new HeldMemory(100);
  const held = memory.take(60);
  expect(memory.fits(40)).toBe(true);
  expect(memory.fits(41)).toBe(false);
  const more = memory.take(60);
  expect(memory.fits(0)).toBe(false);
  held.release();
  held.release();
  expect(memory.fits(40)).toBe(true);
  more.release();
  expect(memory.fits(100)).toBe(true);
});

test('memory that was let go of is used again', () => {
  const memory = new HeldMemory(1_000_000);
  const held = memory.take(200_000);
  held.release();
  expect(memory.take(150_000).bytes.buffer).toBe(held.bytes.buffer);
  expect(memory.take(150_000).bytes.buffer).not.toBe(held.bytes.buffer);
});

test('what a reader has stays as it is until that reader lets go too', () => {
  const memory = new HeldMemory(1_000_000);
  const held = memory.take(1000);
  held.bytes.fill(7);
  const chunk = held.lend(10, 20);
  held.release();
  expect(memory.fits(1_000_000)).toBe(false);
  const next = memory.take(1000);
  next.bytes.fill(8);
  expect([...chunk.bytes]).toEqual(Array<number>(10).fill(7));
  chunk.release();
  expect(memory.take(1000).bytes.buffer).toBe(held.bytes.buffer);
});

test('an object of no bytes can be held', () => {
  const held = new HeldMemory(0).take(0);
  expect(held.lend(0, 0).bytes).toHaveLength(0);
});
