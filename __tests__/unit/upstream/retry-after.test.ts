import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { findRetryAfterMs, maxRetryAfterMs } from '../../../src/upstream/retry-after.ts';

const nowMs = Date.UTC(2026, 0, 1, 12);
const second = 1000;

describe('a Retry-After', () => {
  test.each([
    ['30', 30 * second],
    ['1.5', 1.5 * second],
    ['0', second],
    ['86400', maxRetryAfterMs],
    ['Thu, 01 Jan 2026 12:01:00 GMT', 60 * second],
    ['Thursday, 01-Jan-26 12:01:00 GMT', 60 * second],
    ['Thu, 01 Jan 2026 11:00:00 GMT', second],
    [String(nowMs / 1000 + 90), 90 * second],
    [String(nowMs + 90_000), 90 * second],
    ['-5', undefined],
    ['soon', undefined],
    ['2026-01-01T12:01:00Z', undefined],
    ['', undefined],
    [undefined, undefined],
  ])('of %p is %p ms', (header, expected) => {
    expect(findRetryAfterMs(header, nowMs)).toBe(expected);
  });

  test('is never shorter than a second, longer than 5 min, or an error', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.nat().map(String), fc.double().map(String)), (header) => {
        const delayMs = findRetryAfterMs(header, nowMs) ?? second;
        expect(delayMs >= second && delayMs <= maxRetryAfterMs).toBe(true);
      }),
    );
  });
});
