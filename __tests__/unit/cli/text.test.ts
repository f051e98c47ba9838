import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  formatAgo,
  formatBytes,
  formatCount,
  formatNumberOf,
  formatPercent,
  formatSpan,
} from '../../../src/cli/text/format.ts';
import { formatJson, toPrintable } from '../../../src/cli/text/printable.ts';

describe('numbers', () => {
  test.each([
    [0, '0 B'],
    [999, '999 B'],
    [1000, '1 kB'],
    [1234, '1.2 kB'],
    [99_949, '99.9 kB'],
    [99_960, '100 kB'],
    [999_499, '999 kB'],
    [999_600, '1 MB'],
    [1_234_000_000, '1.2 GB'],
    [5e17, '500 PB'],
  ])('%d bytes are %s', (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });

  test.each([
    [0, '0 s'],
    [59.9, '59 s'],
    [60, '1 min'],
    [3600, '1 h'],
    [47 * 3600, '47 h'],
    [48 * 3600, '2 d'],
    [-5, '0 s'],
  ])('%d seconds are %s', (seconds, text) => {
    expect(formatSpan(seconds)).toBe(text);
  });

  test('what is nearly whole is not said to be', () => {
    expect(formatPercent(0.99999)).toBe('99 %');
    expect(formatPercent(1)).toBe('100 %');
    expect(formatPercent(0.29)).toBe('29 %');
  });

  test('counts are readable', () => {
    expect(formatCount(1_234_567)).toBe('1,234,567');
    expect([formatNumberOf(1, 'object'), formatNumberOf(2, 'object')]).toEqual(['1 object', '2 objects']);
  });

  test('times are told from now', () => {
    const nowMs = Date.parse('2026-03-01T12:00:00Z');
    expect(formatAgo('2026-03-01T11:59:58Z', nowMs)).toBe('just now');
    expect(formatAgo('2026-03-01T12:00:58Z', nowMs)).toBe('just now');
    expect(formatAgo('2026-03-01T11:57:00Z', nowMs)).toBe('3 min ago');
    expect(formatAgo('2025-03-01T11:57:00Z', nowMs)).toBe('2025-03-01');
    expect(formatAgo('?', nowMs)).toBe('at an unknown time');
  });
});

describe('text from outside', () => {
  test('becomes one line without anything that a terminal obeys', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(toPrintable(text)).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/u);
      }),
    );
  });

  test('as JSON is harmless too, and the same when it is read', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const line = formatJson({ text });
        expect(line.slice(0, -1)).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/u);
        expect(JSON.parse(line)).toEqual({ text });
      }),
    );
  });
});
