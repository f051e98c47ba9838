/**
 * The rest of a request, after some headers, of which two servers may believe different ends; `next` is what would then be
 * taken for the next request.
 */
export const ambiguousShapes: readonly (readonly [string, (next: string) => string])[] = [
  [
    'both framings',
    (next) => `Content-Length: ${next.length + 5}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${next}`,
  ],
  ['two lengths', (next) => `Content-Length: 0\r\nContent-Length: ${next.length}\r\n\r\n${next}`],
  ['two lengths in one', (next) => `Content-Length: 0, ${next.length}\r\n\r\n${next}`],
  ['a signed length', (next) => `Content-Length: +0\r\n\r\n${next}`],
  ['a folded header', (next) => `X: a\r\n Content-Length: 0\r\n\r\n${next}`],
  ['a lone line feed', (next) => `X: a\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${next}`],
  ['a lone carriage return', (next) => `X: a\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${next}`],
  ['a space before the colon', (next) => `Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n${next}`],
  ['a coding that is almost chunked', (next) => `Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n${next}`],
  ['chunked twice', (next) => `Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n${next}`],
  ['chunked and then not', (next) => `Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n${next}`],
  [
    'a chunk size of too many digits',
    (next) => `Transfer-Encoding: chunked\r\n\r\n00000000000000000000000g\r\n\r\n${next}`,
  ],
  ['an extension of a chunk', (next) => `Transfer-Encoding: chunked\r\n\r\n0;a=\r\nb\r\n\r\n${next}`],
];
