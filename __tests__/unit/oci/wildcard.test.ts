import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { matchesWildcard } from '../../../src/oci/wildcard.ts';

describe('a pattern', () => {
  test.each([
    ['*', 'latest', true],
    ['latest', 'latest', true],
    ['latest', 'latest-slim', false],
    ['latest', 'the-latest', false],
    ['v*.*.*', 'v1.2.3', true],
    ['v*.*.*', 'v1.2.3-rc.1', true],
    ['v*.*.*', 'v1.2', false],
    ['v*.*.*', '1.2.3', false],
    ['*-slim', 'bookworm-slim', true],
    ['*-slim', 'bookworm-slim-2', false],
    ['a*a', 'a', false],
    ['a*a', 'aa', true],
    ['a*bc*c', 'abc', false],
    ['a*bc*c', 'abcc', true],
    ['**', 'x', true],
    ['a**b', 'ab', true],
    ['v1.2', 'v1x2', false],
  ])('%s and %s: %s', (pattern, tag, expected) => {
    expect(matchesWildcard(pattern, tag)).toBe(expected);
  });

  const text = fc.string({ unit: fc.constantFrom('a', 'b', '.'), maxLength: 12 });

  test('means what a regular expression would', () => {
    const pattern = fc.string({ unit: fc.constantFrom('a', 'b', '.', '*'), maxLength: 8 });
    fc.assert(
      fc.property(pattern, text, (glob, tag) => {
        const expression = new RegExp(`^${glob.replaceAll('.', '\\.').replaceAll('*', '.*')}$`);
        expect(matchesWildcard(glob, tag)).toBe(expression.test(tag));
      }),
    );
  });

  test('of many stars that almost matches is read once, not over and over', () => {
    expect(matchesWildcard(`${'*a'.repeat(64)}*b`, 'a'.repeat(100_000))).toBe(false);
  });
});
