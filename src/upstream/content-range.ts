import type { Span } from '../oci/span.ts';

/** What a Content-Range says: which bytes, of how many. Without `span`, that the range could not be satisfied. */
export interface ContentRange {
  readonly span: Span | undefined;
  readonly sizeBytes: number | undefined;
}

const satisfied = /^bytes[ =](\d{1,16})-(\d{1,16})\/(\d{1,16}|\*)$/i;
const unsatisfied = /^bytes[ =]\*\/(\d{1,16})$/i;

/**
 * Reads `bytes 0-9/10`, `bytes 0-9/*` and `bytes *` with a size (RFC 9110 section 14.4). Undefined for anything else:
 * other units, an end before the start or past the size, numbers that no double can hold.
 */
export function findContentRange(header: string | readonly string[] | undefined): ContentRange | undefined {
  if (typeof header !== 'string') return undefined;
  const text = header.trim();
  const size = unsatisfied.exec(text)?.[1];
  if (size !== undefined)
    return Number.isSafeInteger(Number(size)) ? { span: undefined, sizeBytes: Number(size) } : undefined;
  const match = satisfied.exec(text);
  if (match === null) return undefined;
  const start = Number(match[1]);
  const end = Number(match[2]) + 1;
  const sizeBytes = match[3] === '*' ? undefined : Number(match[3]);
  if (end <= start || !Number.isSafeInteger(end)) return undefined;
  if (sizeBytes !== undefined && (end > sizeBytes || !Number.isSafeInteger(sizeBytes))) return undefined;
  return { span: { start, end }, sizeBytes };
}
