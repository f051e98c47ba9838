import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { parseDigest } from '../../../src/oci/digest.ts';
import { MirrorError } from '../../../src/oci/errors.ts';
import {
  formatReference,
  isRepository,
  isTag,
  parseReference,
  parseRepository,
  referrersTag,
} from '../../../src/oci/reference.ts';

describe('repositories', () => {
  test.each([
    'a',
    'library/alpine',
    'a/b/c/d',
    'a.b',
    'a_b',
    'a__b',
    'a-b',
    'a---b',
    '0',
    'a'.repeat(255),
    'manifests',
  ])('%s is one', (name) => {
    expect(parseRepository(name)).toBe(name);
  });

  test.each([
    '',
    '/',
    'a/',
    '/a',
    'a//b',
    'A',
    'a..b',
    'a___b',
    'a._b',
    '.a',
    'a.',
    '_a',
    'a-',
    '..',
    'a/../b',
    'a:b',
    'a%2fb',
    'a b',
    'a\n',
    'a\0',
    'ä',
    'a'.repeat(256),
  ])('%j is none', (name) => {
    expect(isRepository(name)).toBe(false);
    expect(() => parseRepository(name)).toThrow(expect.objectContaining({ kind: 'name-invalid' }));
  });

  test('hostile names are judged in no time', () => {
    for (const name of ['a-'.repeat(50_000), `${'a'.repeat(250)}-/`, `${'a_'.repeat(120)}!`, `${'-'.repeat(250)}a`]) {
      expect(isRepository(name)).toBe(false);
    }
  });
});

describe('tags', () => {
  test.each(['latest', 'v1.0', '_x', 'A', '1', 'a--b', 'a..b', 'a'.repeat(128), 'sha256-ab'])('%s is one', (tag) => {
    expect(parseReference(tag)).toEqual({ type: 'tag', tag });
  });

  test.each(['', '.a', '-a', 'a/b', 'a b', 'a\n', 'a\0', 'é', 'a+b', 'a'.repeat(129)])('%j is none', (tag) => {
    expect(isTag(tag)).toBe(false);
    expect(() => parseReference(tag)).toThrow(expect.objectContaining({ kind: 'tag-invalid' }));
  });
});

describe('references', () => {
  test('with a colon are digests, or nothing', () => {
    const digest = parseDigest(`sha512:${'0f'.repeat(64)}`);
    expect(parseReference(digest)).toEqual({ type: 'digest', digest });
    expect(() => parseReference('a:b')).toThrow(expect.objectContaining({ kind: 'digest-invalid' }));
  });

  test('are written as they were read', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[A-Za-z0-9._-]{1,130}$/)), (text) => {
        try {
          expect(formatReference(parseReference(text))).toBe(text);
        } catch (error) {
          expect(error).toBeInstanceOf(MirrorError);
        }
      }),
    );
  });

  test('of referrers are tags, those of sha512 cut short', () => {
    const hex = '0123456789abcdef'.repeat(8);
    expect(referrersTag(parseDigest(`sha256:${hex.slice(0, 64)}`))).toBe(`sha256-${hex.slice(0, 64)}`);
    expect(referrersTag(parseDigest(`sha512:${hex}`))).toBe(`sha512-${hex.slice(0, 64)}`);
    expect(isTag(referrersTag(parseDigest(`sha512:${hex}`)))).toBe(true);
  });
});
