import type { Span } from '../../oci/span.ts';
import { SpanSet } from './span-set.ts';

/** One upstream request's part of a fill: bytes from `position` to `end` are still coming. */
export interface Segment {
  /** Offset of the next byte to arrive. */
  readonly position: number;
  /** Offset after the last byte this segment brings; Infinity while the object's size is unknown. May go down: then the rest is somebody else's. */
  readonly end: number;
}

/** Ranges of a few bytes (probes of lazy pullers) are not worth a request each. */
const minPieceBytes = 128 * 1024;

export interface Plan {
  /** Where readers wait, each at a byte that is not here; any order. */
  readonly waiting: readonly number[];
  /** Whether bytes that nobody waits for are fetched too. */
  readonly isWhole: boolean;
  /** Where ranges were asked for, when only these are to be fetched. */
  readonly asked: SpanSet;
  /** Length of a piece in the sliding window. */
  readonly pieceBytes: number;
  /** Length of a piece that is opened ahead of the window for a reader. */
  readonly demandBytes: number;
  /** How far a segment comes within the time a reader may be left waiting for it: further ahead is opened anew. */
  readonly patienceBytes: number;
}

/**
 * Which bytes of a fill are here and which are coming. Pure bookkeeping: no byte is ever in two segments,
 * or in a segment and here, so no byte is asked for twice.
 */
export class Segments {
  readonly here: SpanSet;
  readonly #coming = new Set<{ position: number; end: number }>();
  #sizeBytes: number | undefined;

  constructor(recovered: Iterable<Span> = []) {
    this.here = new SpanSet(recovered);
  }

  get sizeBytes(): number | undefined {
    return this.#sizeBytes;
  }

  get running(): number {
    return this.#coming.size;
  }

  get isComplete(): boolean {
    return this.#sizeBytes !== undefined && this.here.covers({ start: 0, end: this.#sizeBytes });
  }

  /** Bytes neither here nor coming; Infinity while the size is unknown. */
  get missingBytes(): number {
    return this.#sizeBytes === undefined ? Infinity : this.#sizeBytes - this.here.totalBytes;
  }

  /** Once: the size upstream named. Segments that reach beyond it are cut. */
  setSize(sizeBytes: number): void {
    if (this.#sizeBytes !== undefined) throw new Error('the size of a fill is set once');
    this.#sizeBytes = sizeBytes;
    for (const segment of this.#coming) segment.end = Math.min(segment.end, sizeBytes);
  }

  /** The next piece to fetch, now coming; undefined when nothing is wanted that is not already on its way. */
  claim(plan: Plan): Segment | undefined {
    const span = this.#planDemand(plan) ?? this.#planWindow(plan) ?? this.#planSplit(plan);
    if (span === undefined || span.end <= span.start) return undefined;
    return this.#open(span);
  }

  /** A segment for exactly the missing bytes from the first one on: for upstreams without ranges, when nothing else is running. */
  claimRest(): Segment | undefined {
    const start = this.here.firstMissing(0);
    const end = this.#sizeBytes ?? Infinity;
    return start >= end || this.#coming.size > 0 ? undefined : this.#open({ start, end });
  }

  /** Makes the only running segment bring everything that is missing; false when others run. */
  extend(segment: Segment): boolean {
    const own = this.#own(segment);
    if (this.#coming.size > 1) return false;
    own.position = this.here.firstMissing(0);
    own.end = this.#sizeBytes ?? Infinity;
    return true;
  }

  /** `length` bytes have arrived for this segment and can be read. They must fit into it. */
  advance(segment: Segment, length: number): void {
    const own = this.#own(segment);
    if (length > own.end - own.position) throw new Error('more bytes than the segment holds');
    this.here.add({ start: own.position, end: own.position + length });
    own.position += length;
  }

  /** The segment has ended, whether or not all of it came; what is missing can be claimed again. */
  release(segment: Segment): void {
    this.#coming.delete(this.#own(segment));
  }

  /** Forgets every byte that is here; segments that run are the caller's to end first. */
  reset(): void {
    if (this.#coming.size > 0) throw new Error('a fill is reset only when no segment is running');
    this.here.clear();
    this.#sizeBytes = undefined;
  }

  #own(segment: Segment): { position: number; end: number } {
    if (!this.#coming.has(segment)) throw new Error('not a running segment of this fill');
    return segment;
  }

  #open({ start, end }: Span): Segment {
    const segment = { position: start, end };
    this.#coming.add(segment);
    return segment;
  }

  #planDemand(plan: Plan): Span | undefined {
    const position = Math.min(...plan.waiting.filter((offset) => this.isOpen(offset)));
    if (position === Infinity) return undefined;
    return this.#pieceAt(position, this.#demandLength(plan, position));
  }

  /** The reader at the front of the window is served by the window itself, in full pieces; others get smaller ones. */
  #demandLength(plan: Plan, position: number): number {
    if (plan.isWhole) {
      const isFront = position === this.#firstOpen(Math.min(...plan.waiting));
      return isFront ? plan.pieceBytes : plan.demandBytes;
    }
    const askedEnd = plan.asked.firstMissing(position);
    return Math.max(minPieceBytes, Math.min(askedEnd - position, plan.pieceBytes));
  }

  #planWindow(plan: Plan): Span | undefined {
    if (!plan.isWhole) return this.#planAsked(plan);
    const front = plan.waiting.length === 0 ? 0 : Math.min(...plan.waiting);
    const ahead = this.#firstOpen(front);
    const position = this.isOpen(ahead) ? ahead : this.#firstOpen(0);
    return this.isOpen(position) ? this.#pieceAt(position, plan.pieceBytes) : undefined;
  }

  #planAsked(plan: Plan): Span | undefined {
    for (const span of plan.asked.spans) {
      const position = this.#firstOpen(span.start);
      if (position < span.end && this.isOpen(position)) {
        return this.#pieceAt(position, Math.min(span.end - position, plan.pieceBytes));
      }
    }
    return undefined;
  }

  /** A reader that waits for the far end of a segment: the segment is cut there and the rest opened anew. */
  #planSplit(plan: Plan): Span | undefined {
    for (const offset of plan.waiting) {
      const segment = this.#segmentAt(offset);
      if (segment === undefined || offset - segment.position <= plan.patienceBytes) continue;
      const { end } = segment;
      segment.end = offset;
      return { start: offset, end: Math.min(end, offset + plan.pieceBytes) };
    }
    return undefined;
  }

  #pieceAt(start: number, length: number): Span {
    let end = Math.min(start + length, this.#sizeBytes ?? Infinity, this.here.firstPresent(start));
    for (const segment of this.#coming) {
      // One that has brought all of its bytes but is not released yet no longer owns any.
      if (segment.position >= start && segment.position < segment.end) end = Math.min(end, segment.position);
    }
    return { start, end };
  }

  /** Whether the byte is neither here nor coming, and inside the object. */
  isOpen(offset: number): boolean {
    return offset < (this.#sizeBytes ?? Infinity) && this.#firstOpen(offset) === offset;
  }

  #firstOpen(from: number): number {
    let offset = from;
    for (;;) {
      const missing = this.here.firstMissing(offset);
      const segment = this.#segmentAt(missing);
      if (segment === undefined) return missing;
      if (segment.end === Infinity) return Infinity;
      offset = segment.end;
    }
  }

  #segmentAt(offset: number): { position: number; end: number } | undefined {
    for (const segment of this.#coming) if (segment.position <= offset && offset < segment.end) return segment;
    return undefined;
  }
}
