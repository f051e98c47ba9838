/**
 * Why a pull cannot be answered, in words that say nothing of HTTP.
 * `http/error-response.ts` maps each kind to a status and an OCI code.
 */
export type MirrorErrorKind =
  | 'name-invalid'
  | 'digest-invalid'
  | 'tag-invalid'
  | 'page-invalid'
  | 'endpoint-unknown'
  | 'method-unsupported'
  | 'login-required'
  | 'login-throttled'
  | 'client-denied'
  | 'upstream-unknown'
  | 'manifest-unknown'
  | 'blob-unknown'
  | 'rule-denied'
  | 'client-throttled'
  | 'target-too-long'
  | 'headers-too-large'
  | 'upstream-denied'
  | 'upstream-throttled'
  | 'range-invalid'
  | 'content-mismatch'
  | 'upstream-failed'
  | 'overloaded'
  | 'upstream-paused'
  | 'shutting-down'
  | 'upstream-timeout'
  | 'loop';

export interface MirrorErrorOptions {
  readonly kind: MirrorErrorKind;
  /** One plain sentence for the client: no token, signed URL, file path or text of an upstream. */
  readonly message: string;
  /** Further facts for the client, under the same rule as `message`. */
  readonly detail?: unknown;
  readonly cause?: unknown;
  /** When asking again makes sense: milliseconds from now. */
  readonly retryAfterMs?: number;
  /** The object's size, for `range-invalid`. */
  readonly sizeBytes?: number;
  /** True where the same request to the same place cannot succeed (401 after a fresh token, 403, 404, 416). */
  readonly isFinal?: boolean;
  /** True where upstream itself says that there is nothing, so that it may be remembered for a moment. Never for a failure. */
  readonly isAbsence?: boolean;
  /** True where our own login could not be used: nobody has said anything about the content. */
  readonly isLoginRefused?: boolean;
  /** True where upstream does not let whoever asked into the repository; a plain absence says nothing of that. */
  readonly isDenial?: boolean;
}

/** The one error that crosses folders. Anything else that is thrown is a bug. */
export class MirrorError extends Error {
  readonly kind: MirrorErrorKind;
  readonly detail: unknown;
  readonly retryAfterMs: number | undefined;
  readonly sizeBytes: number | undefined;
  readonly isFinal: boolean;
  readonly isAbsence: boolean;
  readonly isLoginRefused: boolean;
  readonly isDenial: boolean;

  constructor(options: MirrorErrorOptions) {
    super(options.message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'MirrorError';
    this.kind = options.kind;
    this.detail = options.detail;
    this.retryAfterMs = options.retryAfterMs;
    this.sizeBytes = options.sizeBytes;
    this.isFinal = options.isFinal ?? false;
    this.isAbsence = options.isAbsence ?? false;
    this.isLoginRefused = options.isLoginRefused ?? false;
    this.isDenial = options.isDenial ?? false;
  }
}

/** True for a `MirrorError` of one of the given kinds. */
export function isMirrorError(error: unknown, ...kinds: readonly MirrorErrorKind[]): error is MirrorError {
  return error instanceof MirrorError && (kinds.length === 0 || kinds.includes(error.kind));
}
