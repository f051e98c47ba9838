import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  createDigest,
  digestAlgorithm,
  digestHex,
  emptyDigests,
  isDigest,
  parseDigest,
} from '../../../src/oci/digest.ts';
import { isMirrorError } from '../../../src/oci/errors.ts';

const algorithm = fc.constantFrom('sha256' as const, 'sha512' as const);

describe('digests', () => {
  test('go into their parts and back', () => {
    fc.assert(
      fc.property(algorithm, fc.stringMatching(/^[0-9a-f]{128}$/), (name, digits) => {
        const hex = name === 'sha256' ? digits.slice(0, 64) : digits;
        const digest = createDigest(name, hex);
        expect(parseDigest(digest)).toBe(digest);
        expect([digestAlgorithm(digest), digestHex(digest)]).toEqual([name, hex]);
      }),
    );
  });

  test.each([
    '',
    'sha256',
    'sha256:',
    `sha256:${'AB'.repeat(32)}`,
    `SHA256:${'ab'.repeat(32)}`,
    `sha256:${'ab'.repeat(31)}`,
    `sha256:${'ab'.repeat(33)}`,
    `sha256:${'ab'.repeat(64)}`,
    `sha512:${'ab'.repeat(32)}`,
    `sha256:${'ab'.repeat(32)}\n`,
    `\nsha256:${'ab'.repeat(32)}`,
    `sha256:${'ag'.repeat(32)}`,
    `sha1:${'ab'.repeat(20)}`,
    `md5:${'ab'.repeat(16)}`,
    `blake3:${'ab'.repeat(32)}`,
    'sha256:../../x',
    `sha256-${'ab'.repeat(32)}`,
  ])('%j is none', (text) => {
    expect(isDigest(text)).toBe(false);
    expect(() => parseDigest(text)).toThrow(expect.objectContaining({ kind: 'digest-invalid' }));
  });

  test('nothing but a digest is taken for one, and nothing else than a MirrorError is thrown', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        try {
          expect(parseDigest(text)).toMatch(/^sha(256:[0-9a-f]{64}|512:[0-9a-f]{128})$/);
        } catch (error) {
          expect(isMirrorError(error, 'digest-invalid')).toBe(true);
        }
      }),
    );
  });

  test('are not made of anything but hash bytes', () => {
    expect(() => createDigest('sha256', 'ab')).toThrow(TypeError);
    expect(() => createDigest('sha512', 'ab'.repeat(32))).toThrow(TypeError);
    expect(() => createDigest('sha256', '../'.repeat(21).concat('x'))).toThrow(TypeError);
  });

  test('of nothing are known for both algorithms', () => {
    expect(emptyDigests.map(digestAlgorithm)).toEqual(['sha256', 'sha512']);
    expect(emptyDigests.every(isDigest)).toBe(true);
  });
});
