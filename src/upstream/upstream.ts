// Upstream: bytes others have. Knows nothing of the store, the client's request or express.
import type { Digest } from '../oci/digest.ts';
import type { Provenance } from '../oci/provenance.ts';
import type { Reference } from '../oci/reference.ts';
import type { Span } from '../oci/span.ts';

/**
 * One configured upstream: one name, one or more URLs tried in order.
 * Every method throws `MirrorError`: `manifest-unknown`, `blob-unknown`, `upstream-denied` (isFinal: true),
 * `upstream-throttled`, `upstream-paused`, `upstream-failed`, `upstream-timeout`, `content-mismatch`, `loop`.
 * `repository` is the name as clients know it; a configured `repositoryPrefix` is added here.
 */
export interface Upstream {
  readonly name: string;
  /** Whether everything is fetched as the mirror itself, with its login or certificate: what it is shown so is restricted, and meant for all. */
  readonly sharesCredentials: boolean;
  /** Whether there is a login for any of its URLs. */
  readonly hasLogin: boolean;
  /** Of a view `as` a caller: the key of that caller. */
  readonly account: string | undefined;

  /** HEAD, falling back to one GET where HEAD is refused (400, 403, 405, 501) or says too little. */
  headManifest(repository: string, reference: Reference, options?: ManifestOptions): Promise<ManifestHead>;
  /** At most 4 MiB, else `content-mismatch`. The bytes are as upstream sent them, not yet checked against any digest. */
  getManifest(repository: string, reference: Reference, options?: ManifestOptions): Promise<FetchedManifest>;
  /**
   * As `getManifest`, unless upstream says that it is still the one with this ETag (If-None-Match, 304): then
   * undefined. For registries whose HEAD names no digest.
   */
  findChangedManifest(
    repository: string,
    reference: Reference,
    etag: string,
    options?: ManifestOptions,
  ): Promise<FetchedManifest | undefined>;
  /** Transfers no blob bytes. Where HEAD is refused, a one-byte range. */
  headBlob(repository: string, digest: Digest): Promise<BlobHead>;
  /**
   * Opens a body; the caller must read it to the end or `destroy` it.
   * With `span`, a Range request for exactly these bytes (`end` may be Infinity: open-ended); upstream may
   * still answer with the whole, which `start` 0 shows. `transfer` carries the redirect target from one
   * segment to the next; `avoidLastUrl` starts with another URL of the upstream, where there is one.
   */
  openBlob(repository: string, digest: Digest, options?: OpenBlobOptions): Promise<BlobStream>;
  /** One page, upstream's own order. `next` is set when there are more. */
  listTags(repository: string, page: TagPage): Promise<TagList>;
  /** The referrers API, all pages up to a cap; undefined when upstream does not offer it (404, 400, 405, HTML, redirect to a web page). */
  listReferrers(repository: string, digest: Digest): Promise<ReferrersList | undefined>;
  /**
   * The same upstream for a pull that has come through other mirrors: their names go out in `Via`, so that each of
   * them can see a circle. Shares everything else; only the original is closed.
   */
  through(hops: readonly string[]): Upstream;
  /**
   * The same upstream asked with a client's own login in place of the configured one, which is held for as long as
   * the result is. It goes where a configured login may go; what it brings is restricted. Shares everything else;
   * only the original is closed.
   */
  as(login: CallerLogin): Upstream;
  /** Ends idle connections; requests under way are cut. */
  close(): Promise<void>;
}

/** A client's own login, to be passed through. */
export interface CallerLogin {
  /** Tells callers apart in place of name and password, neither of which can be found out from it. */
  readonly key: string;
  /** A token that was got in one session is not used in another: what upstream knows of the caller now needs a new one. */
  readonly session: number;
  readonly username: string;
  readonly password: string;
}

export interface ManifestOptions {
  /**
   * The cache can serve without: a GET, which counts against upstream's limit, then fails with `upstream-throttled`
   * before it is sent when what is left of the limit is not above the reserve. HEADs are free.
   */
  readonly isOptional?: boolean;
}

export interface ManifestHead {
  readonly digest: Digest | undefined;
  readonly mediaType: string | undefined;
  readonly sizeBytes: number | undefined;
  readonly etag: string | undefined;
  readonly provenance: Provenance;
  /** Set when HEAD was refused and a GET had to be made. */
  readonly fetched: FetchedManifest | undefined;
}

export interface FetchedManifest {
  readonly bytes: Uint8Array;
  /** The Content-Type as sent. */
  readonly contentType: string;
  /** Docker-Content-Digest, when it was sent and is a digest. */
  readonly digest: Digest | undefined;
  readonly etag: string | undefined;
  readonly provenance: Provenance;
}

export interface BlobHead {
  readonly sizeBytes: number | undefined;
  readonly provenance: Provenance;
}

export interface OpenBlobOptions {
  readonly span?: Span;
  readonly transfer?: BlobTransfer;
  readonly avoidLastUrl?: boolean;
  /** Ends the request and the body. */
  readonly signal?: AbortSignal;
}

/** What the segments of one fill share: starts as `{ redirectTarget: undefined }`, filled in by `openBlob`. */
export interface BlobTransfer {
  /** Where the last redirect led; dropped when it fails once. */
  redirectTarget: string | undefined;
}

export interface BlobStream {
  /** Offset of the body's first byte. */
  readonly start: number;
  /** Offset after the body's last byte, when upstream said so. */
  readonly end: number | undefined;
  /** Size of the whole object, when upstream said so. */
  readonly sizeBytes: number | undefined;
  readonly provenance: Provenance;
  /**
   * Bytes as they come. Ends early or throws when the connection breaks; the reader counts bytes. The memory of
   * each piece is the reader's until it asks for the next one.
   */
  readonly body: AsyncIterable<Uint8Array>;
  /**
   * Keeps the bytes of a run as they are beyond the next one, until the result is called, once. Undefined where that
   * cannot be: then whoever needs them longer copies them.
   */
  keep(run: Uint8Array): (() => void) | undefined;
  destroy(): void;
}

export interface TagPage {
  readonly n: number | undefined;
  readonly last: string | undefined;
}

export interface TagList {
  readonly tags: readonly string[];
  readonly next: TagPage | undefined;
}

export interface ReferrersList {
  /** The entries of all pages, as upstream wrote them. */
  readonly manifests: readonly unknown[];
  /** The one page's bytes as they came, when there was only one. */
  readonly bytes: Uint8Array | undefined;
  /** False when the cap on pages cut the list. */
  readonly isComplete: boolean;
  readonly provenance: Provenance;
}
