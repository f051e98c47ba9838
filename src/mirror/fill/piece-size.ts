import {
  guessedPieceSeconds,
  maxPieceBytes,
  minPieceBytes,
  minShareBytes,
  minShareSeconds,
  pieceSeconds,
} from './fill-limits.ts';

export interface PieceFacts {
  /** Bytes a second of one connection, from the last window; 0 until one has ended. */
  readonly rate: number;
  /** The same of the first piece: where upstream is near, all may be here before a window has ended. */
  readonly firstRate: number;
  readonly missingBytes: number;
  /** As many as are allowed now. */
  readonly connections: number;
}

/**
 * How much to ask for at once: about what one connection moves in some time; towards the end an even share of what is
 * left, so that no connection is still busy with a large piece when the others have nothing more to do, as far as that
 * is worth a request.
 */
export function choosePieceBytes({ rate, firstRate, missingBytes, connections }: PieceFacts): number {
  const [pace, seconds] = rate > 0 ? [rate, pieceSeconds] : [firstRate, guessedPieceSeconds];
  const piece = Math.min(maxPieceBytes, Math.max(minPieceBytes, Math.round(pace * seconds)));
  const share = Math.ceil(missingBytes / (2 * connections));
  const leastShare = Math.max(minShareBytes, Math.round(pace * minShareSeconds));
  return connections === 1 ? piece : Math.min(piece, Math.max(share, leastShare));
}
