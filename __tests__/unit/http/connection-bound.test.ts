import { describe, expect, test } from '@jest/globals';
import { boundConnections, findConnectionBound } from '../../../src/http/connection-bound.ts';

describe('the bound on connections', () => {
  test.each([
    [1024, 320],
    [4096, 1344],
    [65_536, 21_824],
    [300_064, 100_000],
  ])('under a limit of %i descriptors is %i, and leaves two descriptors for each', (limit, bound) => {
    expect(boundConnections(limit)).toBe(bound);
    expect(bound * 3 + 64).toBeLessThanOrEqual(limit);
  });

  test.each([0, 20, 64, 112])('is never less than 16, as under a limit of %i', (limit) => {
    expect(boundConnections(limit)).toBe(16);
  });

  test.each([300_067, 1_048_576, undefined])('is not worth having under a limit of %p', (limit) => {
    expect(boundConnections(limit)).toBeUndefined();
  });

  test('of this process is there or not worth having', () => {
    expect(findConnectionBound() ?? 16).toBeGreaterThanOrEqual(16);
  });
});
