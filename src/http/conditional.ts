// Conditional requests against the one validator there is: the quoted digest (RFC 9110, section 13). Pure.

/**
 * Whether `If-None-Match` names this entity tag, so that 304 is the answer. The comparison is strong
 * (no `W/`): a weak tag was never ours. `*` matches whatever exists; an unquoted digest matches nothing.
 */
export function matchesIfNoneMatch(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false;
  const text = header.trim();
  // No comma can stand in our tags, so splitting there cannot make a match out of another tag's inside.
  return text === '*' || text.split(',').some((candidate) => candidate.trim() === etag);
}

/** Whether `Range` counts: no `If-Range`, or one that names this entity tag. A date never does, for none is sent. */
export function allowsRange(ifRange: string | undefined, etag: string): boolean {
  return ifRange === undefined || ifRange.trim() === etag;
}
