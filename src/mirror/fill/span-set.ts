import type { Span } from '../../oci/span.ts';

/** A set of bytes, kept as sorted spans that neither touch nor overlap. */
export class SpanSet {
  readonly #spans: { start: number; end: number }[] = [];

  constructor(spans: Iterable<Span> = []) {
    for (const span of spans) this.add(span);
  }

  get spans(): readonly Span[] {
    return this.#spans;
  }

  get totalBytes(): number {
    let total = 0;
    for (const span of this.#spans) total += span.end - span.start;
    return total;
  }

  add({ start, end }: Span): void {
    if (end <= start) return;
    const first = this.#indexEndingFrom(start);
    let after = first;
    let merged = { start, end };
    for (let span = this.#spans[after]; span !== undefined && span.start <= end; span = this.#spans[++after]) {
      merged = { start: Math.min(merged.start, span.start), end: Math.max(merged.end, span.end) };
    }
    this.#spans.splice(first, after - first, merged);
  }

  /** The first byte at or after `from` that is not in the set. */
  firstMissing(from: number): number {
    const span = this.#spans[this.#indexEndingFrom(from + 1)];
    return span !== undefined && span.start <= from ? span.end : from;
  }

  /** The first byte at or after `from` that is in the set; Infinity when there is none. */
  firstPresent(from: number): number {
    const span = this.#spans[this.#indexEndingFrom(from + 1)];
    return span === undefined ? Infinity : Math.max(span.start, from);
  }

  covers({ start, end }: Span): boolean {
    return end <= start || this.firstMissing(start) >= end;
  }

  clear(): void {
    this.#spans.length = 0;
  }

  /** Index of the first span whose end is at or after `offset`. */
  #indexEndingFrom(offset: number): number {
    let low = 0;
    let high = this.#spans.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#spans[middle]?.end ?? Infinity) < offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
