import { MirrorError } from '../oci/errors.ts';
import { EgressError } from './egress.ts';

/** Ours, raised when a limit of the transport has passed. */
export class DeadlineError extends Error {
  constructor() {
    super('the time limit has passed');
    this.name = 'DeadlineError';
  }
}

const timeoutCodes = new Set([
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_BODY_TIMEOUT',
  'ETIMEDOUT',
]);

/** What this machine says when it has no descriptor or memory for a socket: a lack of our own, no upstream's fault. */
const lackCodes = new Set(['EMFILE', 'ENFILE', 'ENOMEM', 'ENOBUFS', 'EAI_MEMORY']);
/** Descriptors come back as answers end. */
const lackRetryAfterMs = 2_000;

/** What a failed request or body counts as: the metric's label, a closed set. */
export function nameFailure(error: unknown): 'aborted' | 'refused' | 'timeout' | 'overloaded' | 'failed' {
  if (error instanceof EgressError) return 'refused';
  if (error instanceof DeadlineError) return 'timeout';
  if (isLack(error)) return 'overloaded';
  const { code, name } = (error ?? {}) as { code?: unknown; name?: unknown };
  if (typeof code === 'string' && timeoutCodes.has(code)) return 'timeout';
  return name === 'AbortError' || code === 'UND_ERR_ABORTED' ? 'aborted' : 'failed';
}

const kinds = {
  aborted: 'upstream-failed',
  refused: 'upstream-failed',
  timeout: 'upstream-timeout',
  overloaded: 'overloaded',
  failed: 'upstream-failed',
} as const;

/** One address of several, and what a proxy's client wraps, say it too. */
function isLack(error: unknown): boolean {
  const { code, cause, errors } = (error ?? {}) as { code?: unknown; cause?: unknown; errors?: unknown };
  if (typeof code === 'string' && lackCodes.has(code)) return true;
  if (Array.isArray(errors) && errors.some(isLack)) return true;
  return cause !== undefined && cause !== error && isLack(cause);
}

/** A connection's failure as an error that may cross folders; the cause is for the log. */
export function toMirrorError(error: unknown, upstream: string): MirrorError {
  if (error instanceof MirrorError) return error;
  const failure = nameFailure(error);
  const messages = {
    aborted: `the request to ${upstream} was given up`,
    refused: `${upstream} led to an address that it may not lead to`,
    timeout: `${upstream} did not answer in time`,
    overloaded: `the mirror has no room for one more connection to ${upstream}`,
    failed: `the connection to ${upstream} failed`,
  };
  return new MirrorError({
    kind: kinds[failure],
    message: messages[failure],
    cause: error,
    ...(failure === 'overloaded' ? { retryAfterMs: lackRetryAfterMs } : {}),
    // An address that is refused once is refused always.
    isFinal: failure === 'refused',
  });
}
