import {
  guessedPieceSeconds,
  maxPieceBytes,
  minPieceBytes,
  minShareBytes,
  minShareSeconds,
  pieceSeconds,
} from './fill-limits.ts';

/** Bytes a second that one connection to each upstream has moved last: what the next fill begins with. */
export class Paces {
  readonly #last = new Map<string, number>();

  /** 0 while nothing is known. */
  of(upstream: string): number {
    return this.#last.get(upstream) ?? 0;
  }

  note(upstream: string, pace: number): void {
    this.#last.set(upstream, pace);
  }
}

/** How fast the connections of one fill are, and how much is therefore asked for at once. */
export class Pace {
  readonly #paces: Paces;
  #windowBytes = 0;
  #rate = 0;
  #firstRate = 0;

  constructor(paces: Paces) {
    this.#paces = paces;
  }

  /** Bytes a second of one connection, from the last window; 0 until one has ended. */
  get rate(): number {
    return this.#rate;
  }

  received(bytes: number): void {
    this.#windowBytes += bytes;
  }

  beginWindow(): void {
    this.#windowBytes = 0;
  }

  endWindow(elapsedMs: number, connections: number): void {
    this.#rate = (this.#windowBytes / connections / elapsedMs) * 1000;
  }

  /** Where upstream is near, all may be here before a window has ended: then the first piece has to tell. */
  endPiece(upstream: string, bytes: number, elapsedMs: number): void {
    if (elapsedMs <= 0 || bytes < minPieceBytes) return;
    const pace = (bytes / elapsedMs) * 1000;
    this.#firstRate ||= pace;
    this.#paces.note(upstream, pace);
  }

  /**
   * How much to ask for at once: about what one connection moves in some time; towards the end an even share of what is
   * left, so that no connection is still busy with a large piece when the others have nothing more to do, as far as that
   * is worth a request. `connections`: as many as are allowed now.
   */
  pieceBytes(upstream: string, missingBytes: number, connections: number): number {
    const guess = this.#firstRate || this.#paces.of(upstream);
    const [pace, seconds] = this.#rate > 0 ? [this.#rate, pieceSeconds] : [guess, guessedPieceSeconds];
    const piece = Math.min(maxPieceBytes, Math.max(minPieceBytes, Math.round(pace * seconds)));
    const share = Math.ceil(missingBytes / (2 * connections));
    const leastShare = Math.max(minShareBytes, Math.round(pace * minShareSeconds));
    return connections === 1 ? piece : Math.min(piece, Math.max(share, leastShare));
  }
}
