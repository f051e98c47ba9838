import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { findContentRange } from '../../../src/upstream/content-range.ts';

describe('a Content-Range', () => {
  test.each([
    ['bytes 0-9/10', { span: { start: 0, end: 10 }, sizeBytes: 10 }],
    [' BYTES 5-5/* ', { span: { start: 5, end: 6 }, sizeBytes: undefined }],
    ['bytes */10', { span: undefined, sizeBytes: 10 }],
    ['bytes 5-4/10', undefined],
    ['bytes 0-10/10', undefined],
    ['bytes 0-9', undefined],
    ['bytes -9/10', undefined],
    ['pages 0-9/10', undefined],
    ['bytes 0-9999999999999999/*', undefined],
    ['bytes */*', undefined],
    ['', undefined],
    [undefined, undefined],
  ])('%p is read as %p', (header, expected) => {
    expect(findContentRange(header)).toEqual(expected);
  });

  test('gives back what was written', () => {
    const offset = fc.integer({ min: 0, max: 2 ** 50 });
    fc.assert(
      fc.property(
        offset,
        fc.integer({ min: 1, max: 2 ** 40 }),
        offset,
        fc.boolean(),
        (start, length, rest, isKnown) => {
          const end = start + length;
          const sizeBytes = isKnown ? end + rest : undefined;
          expect(findContentRange(`bytes ${start}-${end - 1}/${sizeBytes ?? '*'}`)).toEqual({
            span: { start, end },
            sizeBytes,
          });
        },
      ),
    );
  });

  test('that is garbage is none', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 100 }), (header) => {
        expect(() => findContentRange(header)).not.toThrow();
      }),
    );
  });
});
