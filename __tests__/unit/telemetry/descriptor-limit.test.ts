import { describe, expect, test } from '@jest/globals';
import { findDescriptorLimit, readDescriptorLimit } from '../../../src/telemetry/descriptor-limit.ts';

const formatLimits = (soft: string, hard: string): string =>
  [
    'Limit                     Soft Limit           Hard Limit           Units     ',
    'Max processes             96330                96330                processes ',
    `Max open files            ${soft.padEnd(20)} ${hard.padEnd(20)} files     `,
    'Max locked memory         8388608              8388608              bytes     ',
    '',
  ].join('\n');

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

  test('of this process can be read, or there is none', () => {
    expect(readDescriptorLimit() ?? 1).toBeGreaterThan(0);
  });
});
