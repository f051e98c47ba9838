import { describe, expect, test } from '@jest/globals';
import { boundConnections, findConnectionBound, findDescriptorLimit } from '../../../src/http/connection-bound.ts';

const formatLimits = (soft: string, hard: string): string =>
  [
    'Limit                     Soft Limit           Hard Limit           Units     ',
    'Max processes             96330                96330                processes ',
    `Max open files            ${soft.padEnd(20)} ${hard.padEnd(20)} files     `,
    'Max locked memory         8388608              8388608              bytes     ',
    '',
  ].join('\n');

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
});

describe('the limit of descriptors', () => {
  test('is the soft one, which counts', () => {
    expect(findDescriptorLimit(formatLimits('1024', '524288'))).toBe(1024);
  });

  test.each([
    ['says unlimited', formatLimits('unlimited', 'unlimited')],
    ['is empty', ''],
    ['speaks of something else', 'Max processes             96330                96330                processes '],
  ])('is unknown where the text %s', (_what, text) => {
    expect(findDescriptorLimit(text)).toBeUndefined();
  });

  test('of this process gives a bound or none', () => {
    expect(findConnectionBound() ?? 16).toBeGreaterThanOrEqual(16);
  });
});
