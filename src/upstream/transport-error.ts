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

/** What a failed request or body counts as: the metric's label, a closed set. */
export function nameFailure(error: unknown): 'aborted' | 'refused' | 'timeout' | 'failed' {
  if (error instanceof EgressError) return 'refused';
  if (error instanceof DeadlineError) return 'timeout';
  const { code, name } = (error ?? {}) as { code?: unknown; name?: unknown };
  if (typeof code === 'string' && timeoutCodes.has(code)) return 'timeout';
  return name === 'AbortError' || code === 'UND_ERR_ABORTED' ? 'aborted' : 'failed';
}

/** A connection's failure as an error that may cross folders; the cause is for the log. */
export function toMirrorError(error: unknown, upstream: string): MirrorError {
  if (error instanceof MirrorError) return error;
  const failure = nameFailure(error);
  const messages = {
    aborted: `the request to ${upstream} was given up`,
    refused: `${upstream} led to an address that it may not lead to`,
    timeout: `${upstream} did not answer in time`,
    failed: `the connection to ${upstream} failed`,
  };
  return new MirrorError({
    kind: failure === 'timeout' ? 'upstream-timeout' : 'upstream-failed',
    message: messages[failure],
    cause: error,
    // An address that is refused once is refused always.
    isFinal: failure === 'refused',
  });
}
