import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { matchesTag, ttlOfTag } from '../../../src/mirror/tag-policies.ts';

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
    expect(matchesTag(pattern, tag)).toBe(expected);
  });

  const text = fc.string({ unit: fc.constantFrom('a', 'b', '.'), maxLength: 12 });

  test('means what a regular expression would', () => {
    const pattern = fc.string({ unit: fc.constantFrom('a', 'b', '.', '*'), maxLength: 8 });
    fc.assert(
      fc.property(pattern, text, (glob, tag) => {
        const expression = new RegExp(`^${glob.replaceAll('.', '\\.').replaceAll('*', '.*')}$`);
        expect(matchesTag(glob, tag)).toBe(expression.test(tag));
      }),
    );
  });

  test('of many stars that almost matches is read once, not over and over', () => {
    expect(matchesTag(`${'*a'.repeat(64)}*b`, 'a'.repeat(100_000))).toBe(false);
  });
});

describe('the time to live of a tag', () => {
  const limits = {
    tagTtlMs: 300,
    tagPolicies: [
      { match: 'v*.*.*', ttlMs: Infinity },
      { match: 'v*', ttlMs: 10 },
      { match: 'edge', ttlMs: 0 },
    ],
  };

  test.each([
    ['v1.2.3', Infinity],
    ['v1', 10],
    ['edge', 0],
    ['latest', 300],
  ])('%s: the first policy that matches, else the plain one', (tag, expected) => {
    expect(ttlOfTag(tag, limits)).toBe(expected);
  });

  test.each([`sha256-${'a'.repeat(64)}`, `sha256-${'a'.repeat(64)}.sig`, `sha512-${'a'.repeat(128)}`])(
    'no policy holds for %s, under which signatures are found',
    (tag) => {
      expect(ttlOfTag(tag, { tagTtlMs: 300, tagPolicies: [{ match: '*', ttlMs: Infinity }] })).toBe(300);
    },
  );
});
