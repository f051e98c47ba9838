/** Bounds of a fill; configured under `fill` (design, section 3). */
export interface FillLimits {
  /** A segment that receives nothing for so long is asked again. */
  readonly idleTimeoutMs: number;
  /** A segment slower than this is asked again. */
  readonly minBytesPerSecond: number;
  /** A fill that gains less than 64 KiB in this time gives up. */
  readonly resumeForMs: number;
  /** Connections of one fill. */
  readonly maxConnections: number;
  /** What fills without readers may still fetch, all together. */
  readonly abandonedBytes: number;
  /** Where a blob of unknown size is cut off. */
  readonly maxBlobBytes: number;
  /** Fills at once, in all and for each upstream. */
  readonly maxFills: number;
  readonly maxUpstreamFills: number;
  /** Pulls that wait for one of them to end. */
  readonly maxWaiting: number;
  /** How long nothing must have come before that which did becomes content. */
  readonly quietMs: number;
}

const MiB = 1024 * 1024;

/** Under this size one plain GET is cheaper than ranges. */
export const plainGetBelowBytes = 16 * MiB;
/** The first request for a blob of unknown size: small blobs come whole, large ones name their size. */
export const firstPieceBytes = 16 * MiB;
export const minPieceBytes = 8 * MiB;
export const maxPieceBytes = 128 * MiB;
/** One connection gets what it moves in so long, and less while only its first piece has told how fast that is. */
export const pieceSeconds = 2;
export const guessedPieceSeconds = 0.5;
/** Pieces of the last round among several connections. */
export const minShareBytes = 4 * MiB;
/** Nor is a connection through with one sooner: of a fast upstream a request would cost more than it gains. */
export const minShareSeconds = 0.2;
/** Room is booked in such steps while nobody knows the size. */
export const reserveStepBytes = 16 * MiB;
/** A piece opened ahead of the window for a waiting reader. */
export const demandPieceBytes = 2 * MiB;
/** Held back from whole-body readers until size and digest agree. */
export const tailBytes = 64 * 1024;
/** Objects up to this size are verified before headers, so that a bad one is an error and not a broken body. */
export const verifyFirstBytes = MiB;
/** Where an unread fill of which less than half is here still goes on. */
export const worthFinishingBytes = 1024 * MiB;
