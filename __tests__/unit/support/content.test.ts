import { createHash } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { createContent, createSeededContent } from '../../support/content.ts';

describe('seeded content', () => {
  test('is the same bytes from every offset', () => {
    const content = createSeededContent('a', 100_003);
    const whole = content.read(0, 100_003);
    for (const [start, end] of [
      [0, 1],
      [15, 17],
      [16, 32],
      [99_999, 100_003],
      [1, 100_003],
    ] as const) {
      expect(content.read(start, end).equals(whole.subarray(start, end))).toBe(true);
    }
    expect(content.digest).toBe(`sha256:${createHash('sha256').update(whole).digest('hex')}`);
  });

  test('differs by seed and ends at its size', () => {
    expect(createSeededContent('a', 50).digest).not.toBe(createSeededContent('b', 50).digest);
    expect(createSeededContent('a', 50).read(40, 90)).toHaveLength(10);
    expect(createSeededContent('a', 0).digest).toBe(createContent('').digest);
  });
});
