// The Range header (RFC 9110, section 14): text in, spans out. Pure; the size may come later than the text.
import type { Demand } from '../mirror/pull.ts';
import { MirrorError } from '../oci/errors.ts';
import type { Span } from '../oci/span.ts';

/** One range as asked for. `last` is inclusive, as in the header, and Infinity when left open. */
export type ByteRange =
  | { readonly type: 'from'; readonly first: number; readonly last: number }
  | { readonly type: 'suffix'; readonly length: number };

/** What of the object goes out. `multipart` even with one span left, when the client asked for several (section 15.3.7.2). */
export type Selection =
  | { readonly type: 'whole' }
  | { readonly type: 'single'; readonly span: Span }
  | { readonly type: 'multipart'; readonly spans: readonly Span[] };

/** zstd:chunked clients ask for up to 1024 ranges at once. */
const maxRanges = 1024;
/** Enough for 2^53 and short enough that numbers stay exact or are clearly beyond any object. */
const maxDigits = 19;

/** The ranges asked for, or undefined where the header is to be ignored: malformed, another unit, or too many. */
export function parseRange(header: string): readonly ByteRange[] | undefined {
  const text = header.trim();
  if (!/^bytes=/i.test(text)) return undefined;
  const ranges: ByteRange[] = [];
  for (const item of text.slice('bytes='.length).split(',')) {
    const spec = item.trim();
    // The list grammar lets empty elements stand (section 5.6.1).
    if (spec === '') continue;
    const range = parseOne(spec);
    if (range === undefined || ranges.length === maxRanges) return undefined;
    ranges.push(range);
  }
  return ranges.length === 0 ? undefined : ranges;
}

function parseOne(spec: string): ByteRange | undefined {
  const dash = spec.indexOf('-');
  if (dash === -1) return undefined;
  const first = parsePosition(spec.slice(0, dash));
  const last = parsePosition(spec.slice(dash + 1));
  if (first === undefined || last === undefined) return undefined;
  if (first === 'absent') return last === 'absent' ? undefined : { type: 'suffix', length: last };
  if (last === 'absent') return { type: 'from', first, last: Infinity };
  return last < first ? undefined : { type: 'from', first, last };
}

/** Numbers too long to be a position in anything count as the largest one. */
function parsePosition(text: string): number | 'absent' | undefined {
  if (text === '') return 'absent';
  if (!/^\d+$/.test(text)) return undefined;
  const digits = text.replace(/^0+(?=\d)/, '');
  return digits.length > maxDigits ? Number.MAX_SAFE_INTEGER : Math.min(Number(digits), Number.MAX_SAFE_INTEGER);
}

/** What to tell the mirror before the size is known. Several ranges count as the run that covers them all. */
export function demandOf(ranges: readonly ByteRange[] | undefined): Demand {
  const [first, ...others] = ranges ?? [];
  if (first === undefined) return { type: 'whole' };
  if (others.length === 0 && first.type === 'suffix') return { type: 'suffix', length: first.length };
  let start = Infinity;
  let end = 0;
  for (const range of [first, ...others]) {
    if (range.type === 'suffix') return { type: 'whole' };
    start = Math.min(start, range.first);
    end = Math.max(end, range.last + 1);
  }
  return { type: 'from', start, end };
}

/**
 * What goes out of an object of this size. Nothing lies outside an empty object, so a range of it is ignored;
 * ranges that add up to more than the whole are answered with the whole, so that overlaps cannot multiply the traffic.
 * @throws MirrorError `range-invalid` when no range touches the object
 */
export function selectSpans(ranges: readonly ByteRange[] | undefined, sizeBytes: number): Selection {
  if (ranges === undefined || sizeBytes === 0) return { type: 'whole' };
  const spans = ranges.flatMap((range) => toSpan(range, sizeBytes) ?? []);
  const [first] = spans;
  if (first === undefined) {
    throw new MirrorError({ kind: 'range-invalid', message: 'no range lies within the blob', sizeBytes });
  }
  if (ranges.length === 1) return { type: 'single', span: first };
  const asked = spans.reduce((sum, span) => sum + span.end - span.start, 0);
  return asked > sizeBytes ? { type: 'whole' } : { type: 'multipart', spans };
}

function toSpan(range: ByteRange, sizeBytes: number): Span | undefined {
  if (range.type === 'suffix') {
    return range.length === 0 ? undefined : { start: Math.max(0, sizeBytes - range.length), end: sizeBytes };
  }
  if (range.first >= sizeBytes) return undefined;
  return { start: range.first, end: Math.min(range.last + 1, sizeBytes) };
}
