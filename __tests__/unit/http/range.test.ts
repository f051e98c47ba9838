import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { demandOf, parseRange, selectSpans } from '../../../src/http/range.ts';
import { MirrorError } from '../../../src/oci/errors.ts';

function select(header: string, sizeBytes: number): string {
  try {
    const selection = selectSpans(parseRange(header), sizeBytes);
    if (selection.type === 'whole') return 'whole';
    const spans = selection.type === 'single' ? [selection.span] : selection.spans;
    return `${selection.type} ${spans.map(({ start, end }) => `${start}-${end}`).join(' ')}`;
  } catch (error) {
    return error instanceof MirrorError ? `${error.kind} ${error.sizeBytes}` : String(error);
  }
}

describe('ranges of a blob of 100 bytes', () => {
  test.each([
    ['bytes=0-0', 'single 0-1'],
    ['bytes=0-1', 'single 0-2'],
    ['bytes=5-', 'single 5-100'],
    ['bytes=0-', 'single 0-100'],
    ['bytes=-5', 'single 95-100'],
    ['bytes=-500', 'single 0-100'],
    ['bytes=90-1000', 'single 90-100'],
    ['bytes=99-99', 'single 99-100'],
    ['BYTES=1-2', 'single 1-3'],
    ['bytes= 1-2 ', 'single 1-3'],
    ['bytes=,1-2,', 'single 1-3'],
    ['bytes=0-99999999999999999999999999', 'single 0-100'],
    ['bytes=0000000000000000000000001-2', 'single 1-3'],
    ['bytes=100-', 'range-invalid 100'],
    ['bytes=100-200', 'range-invalid 100'],
    ['bytes=99999999999999999999999999-', 'range-invalid 100'],
    ['bytes=-0', 'range-invalid 100'],
    ['bytes=200-300,400-', 'range-invalid 100'],
    ['bytes=0-1,10-19', 'multipart 0-2 10-20'],
    ['bytes=10-19,0-1', 'multipart 10-20 0-2'],
    ['bytes=0-1,-1', 'multipart 0-2 99-100'],
    ['bytes=0-1,500-', 'multipart 0-2'],
    ['bytes=0-80,10-90', 'whole'],
    ['bytes=0-,0-', 'whole'],
    ['bytes=5-2', 'whole'],
    ['bytes=a-b', 'whole'],
    ['bytes=-', 'whole'],
    ['bytes=', 'whole'],
    ['bytes=1', 'whole'],
    ['bytes=1-2-3', 'whole'],
    ['bytes=--1', 'whole'],
    ['bytes=+1-2', 'whole'],
    ['bytes=1.0-2', 'whole'],
    ['bytes=0-1,x', 'whole'],
    ['items=0-1', 'whole'],
    ['', 'whole'],
    [`bytes=${'0-0,'.repeat(1025)}`, 'whole'],
  ])('%s gives %s', (header, expected) => {
    expect(select(header, 100)).toBe(expected);
  });

  test('nothing lies outside an empty blob', () => {
    expect(select('bytes=0-', 0)).toBe('whole');
    expect(select('bytes=5-9', 0)).toBe('whole');
  });

  test('1024 ranges are a number that clients ask for', () => {
    const header = `bytes=${Array.from({ length: 1024 }, (_, index) => `${index * 4}-${index * 4 + 1}`).join(',')}`;
    expect(selectSpans(parseRange(header), 10_000)).toMatchObject({ type: 'multipart' });
  });

  test('hostile headers are read in no time', () => {
    for (const header of [
      `bytes=${'9'.repeat(60_000)}-`,
      `bytes=${'-'.repeat(60_000)}`,
      `bytes=${','.repeat(60_000)}`,
    ]) {
      expect(() => parseRange(header)).not.toThrow();
    }
  });
});

describe('the demand before the size is known', () => {
  test.each([
    [undefined, { type: 'whole' }],
    ['bytes=0-', { type: 'from', start: 0, end: Infinity }],
    ['bytes=5-9', { type: 'from', start: 5, end: 10 }],
    ['bytes=-7', { type: 'suffix', length: 7 }],
    ['bytes=50-59,5-9', { type: 'from', start: 5, end: 60 }],
    ['bytes=5-9,-7', { type: 'whole' }],
  ])('of %s', (header, expected) => {
    expect(demandOf(header === undefined ? undefined : parseRange(header))).toEqual(expected);
  });
});

test('a single range selects the very bytes that a plain reading of RFC 9110 selects', () => {
  const position = fc.oneof(fc.integer({ min: 0, max: 40 }), fc.bigInt({ min: 0n, max: 2n ** 80n })).map(String);
  const spec = fc.tuple(fc.option(position, { nil: '' }), fc.option(position, { nil: '' }));
  fc.assert(
    fc.property(spec, fc.integer({ min: 1, max: 30 }), ([first, last], sizeBytes) => {
      expect(select(`bytes=${first}-${last}`, sizeBytes)).toBe(selectPlainly(first, last, sizeBytes));
    }),
    { numRuns: 1000 },
  );
});

/** Byte by byte, with numbers of any length. Two positions beyond all sizes are not compared with each other. */
function selectPlainly(first: string, last: string, sizeBytes: number): string {
  if (first === '' && last === '') return 'whole';
  const size = BigInt(sizeBytes);
  const isWanted = (at: bigint): boolean => {
    if (first === '') return at >= size - BigInt(last);
    return at >= BigInt(first) && (last === '' || at <= BigInt(last));
  };
  if (first !== '' && last !== '' && BigInt(last) < BigInt(first)) {
    return BigInt(last) >= 2n ** 53n - 1n ? `range-invalid ${sizeBytes}` : 'whole';
  }
  const bytes = Array.from({ length: sizeBytes }, (_, at) => at).filter((at) => isWanted(BigInt(at)));
  const [start] = bytes;
  return start === undefined ? `range-invalid ${sizeBytes}` : `single ${start}-${start + bytes.length}`;
}

test('whatever comes as a Range header selects bytes inside the blob or is refused as a MirrorError', () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.string(), fc.stringMatching(/^bytes=[0-9,\- ]*$/)),
      fc.integer({ min: 0, max: 1000 }),
      (header, sizeBytes) => {
        const result = select(header, sizeBytes);
        expect(result).toMatch(/^(whole|single [\d -]+|multipart [\d -]+|range-invalid \d+)$/);
        for (const [, start, end] of result.matchAll(/(\d+)-(\d+)/g)) {
          expect(Number(start)).toBeLessThan(Number(end));
          expect(Number(end)).toBeLessThanOrEqual(sizeBytes);
        }
      },
    ),
  );
});
