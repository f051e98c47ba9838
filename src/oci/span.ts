/** A run of bytes: `start` is in it, `end` is not. Both are byte offsets in the whole object. */
export interface Span {
  readonly start: number;
  readonly end: number;
}
