import { MirrorError } from '../oci/errors.ts';
import { findContentRange } from './content-range.ts';
import type { PressedResponse } from './pressure.ts';
import { findRetryAfterMs } from './retry-after.ts';
import type { Transport } from './transport.ts';

/** What a request was after: the kind its absence has. */
export type UnknownKind = 'manifest-unknown' | 'blob-unknown';

/** An answer of a registry, and what was sent for it. */
type Answer = PressedResponse & { readonly isLogin: boolean; readonly isLoginUnusable: boolean };

/** Who was denied, and how. */
interface Denial {
  readonly isLogin: boolean;
  readonly isLoginUnusable: boolean;
  readonly isScopeVerdict?: boolean;
}

/** The error that an answer other than success stands for. Its body is not looked at. */
export function createAnswerError(answer: Answer, unknownKind: UnknownKind, transport: Transport): MirrorError {
  const { status, headers, isForeign } = answer;
  const { name } = transport;
  // A blob that storage lacks although the registry led there may be on its way.
  const isAbsence = unknownKind === 'manifest-unknown' || !isForeign;
  if (status === 404 || status === 410) return createUnknown(unknownKind, name, { isAbsence });
  if ((status === 401 || status === 403) && !isForeign) return createDenial(answer, unknownKind, name);
  if (status === 416) {
    const sizeBytes = findContentRange(headers['content-range'])?.sizeBytes;
    return failure(name, 'has no such range', { isFinal: true, ...(sizeBytes === undefined ? {} : { sizeBytes }) });
  }
  if (status === 508)
    return new MirrorError({ kind: 'loop', message: `${name} says that the request goes in a circle`, isFinal: true });
  const retryAfterMs =
    answer.waitMs ?? findRetryAfterMs(headers['retry-after'] ?? headers['x-retry-after'], transport.clock.wallMs());
  const wait = retryAfterMs === undefined ? {} : { retryAfterMs };
  if (status === 429)
    return new MirrorError({ kind: 'upstream-throttled', message: `${name} limits our requests`, ...wait });
  return failure(name, `answered ${status}`, status === 503 ? wait : {});
}

/**
 * The registry, or its token service, says no to this repository. To nobody in particular, that is what absence
 * looks like (Docker Hub, ghcr.io); to our login it is a refusal; with a login that could not be used it says nothing. Only a 401 that calls a fresh
 * token's scope insufficient (`isScopeVerdict`) is sure enough to be remembered.
 */
export function createDenial(
  { isLogin, isLoginUnusable, isScopeVerdict = false }: Denial,
  unknownKind: UnknownKind,
  name: string,
): MirrorError {
  if (isLoginUnusable) {
    const message = `${name} does not take the configured login`;
    return new MirrorError({ kind: 'upstream-paused', message, retryAfterMs: 60_000, isLoginRefused: true });
  }
  if (!isLogin) return createUnknown(unknownKind, name, { isAbsence: isScopeVerdict, isDenial: true });
  return new MirrorError({
    kind: 'upstream-denied',
    message: `${name} denies access to this repository`,
    isFinal: true,
    isDenial: true,
  });
}

function createUnknown(
  kind: UnknownKind,
  name: string,
  facts: { readonly isAbsence: boolean; readonly isDenial?: boolean },
): MirrorError {
  const what = kind === 'blob-unknown' ? 'blob' : 'manifest';
  return new MirrorError({ kind, message: `the ${what} is unknown to ${name}`, isFinal: true, ...facts });
}

function failure(
  name: string,
  what: string,
  more: { readonly isFinal?: boolean; readonly sizeBytes?: number; readonly retryAfterMs?: number },
): MirrorError {
  return new MirrorError({ kind: 'upstream-failed', message: `${name} ${what}`, ...more });
}
