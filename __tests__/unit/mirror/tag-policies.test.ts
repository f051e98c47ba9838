import { describe, expect, test } from '@jest/globals';
import { ttlOfTag } from '../../../src/mirror/tag-policies.ts';

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
