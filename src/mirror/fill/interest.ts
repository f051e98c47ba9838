import type { Span } from '../../oci/span.ts';
import { firstPieceBytes } from './fill-limits.ts';
import type { Demand } from '../pull.ts';
import type { Source } from './sources.ts';
import { SpanSet } from './span-set.ts';

/**
 * One pull's part in a fill: through which source it came and which bytes it is after.
 * It exists from before upstream's first answer until the pull's response is over.
 */
export interface Interest {
  readonly source: Source;
  /** Next byte it needs; undefined while nobody knows where the last bytes are. */
  position: number | undefined;
  /** Offset after the last byte it needs; Infinity until the size is known. */
  end: number;
}

/** Who is no farther behind what comes is likely to be there soon. */
const nearBytes = 4 * 1024 * 1024;

/** Everybody who is after bytes of one fill. */
export class Interests {
  readonly #list = new Set<Interest>();
  #asked = new SpanSet();
  #isWhole = false;

  get size(): number {
    return this.#list.size;
  }

  /** The ranges that were asked for, also by those who have left. */
  get asked(): SpanSet {
    return this.#asked;
  }

  /** Whether nobody wants bytes of which it is sure that they are there: the last ones, or some behind the start. */
  needSize(hintBytes: number | undefined): boolean {
    const isUnsure = ({ position }: Interest): boolean =>
      position === undefined || (position > 0 && position >= (hintBytes ?? 0));
    return this.#list.size > 0 && [...this.#list].every(isUnsure);
  }

  add(source: Source, demand: Demand): Interest {
    const interest: Interest = { source, position: 0, end: Infinity };
    if (demand.type === 'suffix') interest.position = undefined;
    if (demand.type === 'whole') this.#isWhole = true;
    if (demand.type === 'from') {
      interest.position = demand.start;
      interest.end = demand.end;
      this.#asked.add({ start: demand.start, end: Math.min(demand.end, demand.start + firstPieceBytes) });
    }
    this.#list.add(interest);
    return interest;
  }

  /** The size is known: what was asked for beyond it does not count. */
  clip(sizeBytes: number): void {
    const spans = this.#asked.spans.map(({ start, end }) => ({ start, end: Math.min(end, sizeBytes) }));
    this.#asked = new SpanSet(spans);
  }

  /** Which bytes exactly, the size being known. */
  settle(interest: Interest, span: Span): void {
    interest.position = span.start;
    interest.end = span.end;
    this.#asked.add(span);
  }

  remove(interest: Interest): void {
    this.#list.delete(interest);
  }

  wantWhole(): void {
    this.#isWhole = true;
  }

  /** Whether all of the object is wanted: somebody reads it whole, or a quarter of it was asked for. */
  isWhole(sizeBytes: number | undefined): boolean {
    return this.#isWhole || (sizeBytes !== undefined && this.#asked.totalBytes * 4 >= sizeBytes);
  }

  /** How many have not had these bytes and are close to them. */
  countNear({ start, end }: Span): number {
    let count = 0;
    for (const { position = Infinity, end: last } of this.#list) {
      if (position < end && last > start && position >= start - nearBytes) count += 1;
    }
    return count;
  }

  /** The bytes at which somebody waits, given what is here. */
  waiting(here: SpanSet, sizeBytes: number | undefined): readonly number[] {
    const offsets = new Set<number>();
    for (const { position, end } of this.#list) {
      if (position === undefined) continue;
      const missing = here.firstMissing(position);
      if (missing < Math.min(end, sizeBytes ?? Infinity)) offsets.add(missing);
    }
    return [...offsets];
  }
}
