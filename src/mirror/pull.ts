import type { Digest } from '../oci/digest.ts';
import type { Provenance } from '../oci/provenance.ts';
import type { Reference, RepositoryId } from '../oci/reference.ts';
import type { Span } from '../oci/span.ts';

/** What a client says who it is. Held while its request runs, never kept, never logged. */
export interface ClientLogin {
  readonly username: string;
  readonly password: string;
}

/** Where a pull comes in, and how it came. */
export interface Arrival extends RepositoryId {
  /** Other mirrors that it has come through, nearest last. */
  readonly hops?: readonly string[];
  /** Looked at only where the upstream lets callers' logins through. */
  readonly login?: ClientLogin;
}

/** A client's request, free of HTTP. */
export interface ManifestPull extends Arrival {
  readonly reference: Reference;
}

export interface BlobPull extends Arrival {
  readonly digest: Digest;
}

/**
 * Which bytes a blob pull is after, as far as it can be said before the size is known.
 * `from`: bytes from `start` on, up to `end` (may be Infinity). `suffix`: the last `length` bytes.
 */
export type Demand =
  | { readonly type: 'whole' }
  | { readonly type: 'from'; readonly start: number; readonly end: number }
  | { readonly type: 'suffix'; readonly length: number };

export interface TagsPull extends Arrival {
  readonly n: number | undefined;
  readonly last: string | undefined;
}

export interface ReferrersPull extends Arrival {
  readonly digest: Digest;
  readonly artifactType: string | undefined;
}

/** How an answer came about: the word in log and metric; `http/headers.ts` writes it as Cache-Status. */
export const outcomes = ['hit', 'miss', 'follow', 'revalidated', 'stale', 'bypass'] as const;
export type Outcome = (typeof outcomes)[number];

interface Served {
  readonly outcome: Outcome;
  readonly provenance: Provenance;
}

export interface ServedManifest extends Served {
  readonly digest: Digest;
  readonly mediaType: string;
  readonly sizeBytes: number;
  /** Verified bytes, shared: not to be changed. Undefined for a HEAD that needed no body. */
  readonly bytes: Uint8Array | undefined;
  /** Since upstream last confirmed the tag; undefined for a pull by digest. */
  readonly ageMs: number | undefined;
  /** Why the answer is stale, one sentence for a Warning header. */
  readonly warning: string | undefined;
}

export interface ServedBlobHead extends Served {
  readonly digest: Digest;
  /** Undefined when upstream does not say. */
  readonly sizeBytes: number | undefined;
}

/** A small blob whose bytes are in memory: verified, shared, not to be changed. */
export interface RecalledBlob extends ServedBlobHead {
  readonly bytes: Uint8Array;
}

/** A blob ready to be read; the caller must `close` it, whatever happens. */
export interface ServedBlob extends Served {
  readonly digest: Digest;
  /** Undefined when upstream does not say: only the whole can be read then. */
  readonly sizeBytes: number | undefined;
  /**
   * Bytes of `span` (default: the whole), in order. A reader that reaches the last byte of the object
   * having begun at 0 gets the last 64 KiB only when all of it is verified.
   * Several may be opened, one after the other (multipart).
   */
  openBody(span?: Span): BodyReader;
  close(): void;
}

export interface BodyReader {
  /**
   * The next bytes, undefined after the last. `release` each chunk when it is written: its buffer is reused.
   * Throws `MirrorError` when the body cannot be completed.
   */
  read(): Promise<BodyChunk | undefined>;
  /** Ends a read that waits (it gives undefined) and frees what the reader holds. Harmless when repeated. */
  close(): void;
}

export interface BodyChunk {
  readonly bytes: Uint8Array;
  release(): void;
}

export interface ServedTags {
  readonly outcome: Outcome;
  readonly tags: readonly string[];
  /** Set when there are more: what the next page's `n` and `last` are. */
  readonly next: { readonly n: number; readonly last: string } | undefined;
  readonly warning: string | undefined;
}

export interface ServedReferrers {
  readonly outcome: Outcome;
  /** An OCI index, complete JSON. */
  readonly bytes: Uint8Array;
  /** True when `artifactType` was applied by us. */
  readonly isFiltered: boolean;
  readonly warning: string | undefined;
}
