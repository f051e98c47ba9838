import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { findNextLink } from '../../../src/upstream/link.ts';

describe('the next link', () => {
  test.each([
    ['</v2/a/tags/list?last=b&n=2>; rel="next"', '/v2/a/tags/list?last=b&n=2'],
    ['<https://r.example/v2/a>;rel=next', 'https://r.example/v2/a'],
    ['</first>; rel="prev", </second>; REL="last NEXT"', '/second'],
    ['</a,b;c>; title="x, <y>; rel=next"; rel=next', '/a,b;c'],
    ['</a>; title="x, <y>; rel=next"', undefined],
    ['</a>; rel=prev; rel=next', undefined],
    ['</a', undefined],
    ['', undefined],
    [undefined, undefined],
  ])('of %p is %p', (header, expected) => {
    expect(findNextLink(header)).toBe(expected);
  });

  test('is found among others, in one header or in many', () => {
    const target = fc.stringMatching(/^[A-Za-z0-9/?=&,;.:%"-]{1,30}$/);
    fc.assert(
      fc.property(fc.array(target, { maxLength: 3 }), target, fc.boolean(), (others, next, isOneHeader) => {
        const headers = [...others.map((other) => `<${other}>; rel="prev"; title="a, b"`), `<${next}>; rel="next"`];
        expect(findNextLink(isOneHeader ? headers.join(', ') : headers)).toBe(next);
      }),
    );
  });

  test('of garbage is none, or some piece of it, never an error', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (header) => {
        const link = findNextLink(header);
        expect(link === undefined || header.includes(link)).toBe(true);
      }),
    );
    expect(findNextLink('<'.repeat(1_000_000))).toBeUndefined();
  });
});
