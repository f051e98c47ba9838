// What goes wrong, as clients see it: one table, exhaustive by type. `docs/errors.md` is tested against it.
import type { ServerResponse } from 'node:http';
import { MirrorError, type MirrorErrorKind } from '../oci/errors.ts';
import { commonHeaders, headerNames, setHeaders } from './headers.ts';

export interface ErrorRow {
  readonly status: number;
  /** Codes of the distribution specification, and the two that registries use for 5xx. Undefined: no JSON body. */
  readonly code:
    | 'BLOB_UNKNOWN'
    | 'DENIED'
    | 'DIGEST_INVALID'
    | 'MANIFEST_INVALID'
    | 'MANIFEST_UNKNOWN'
    | 'NAME_INVALID'
    | 'NAME_UNKNOWN'
    | 'TOOMANYREQUESTS'
    | 'UNAUTHORIZED'
    | 'UNAVAILABLE'
    | 'UNKNOWN'
    | 'UNSUPPORTED'
    | undefined;
  /** Milliseconds for Retry-After where the error says none. Undefined: Retry-After only when the error says one. */
  readonly retryAfterMs?: number;
}

const retryAfterMs = 5_000;
/** RFC 7617. Ours alone: an upstream's challenge never gets to a client. */
const basicChallenge = 'Basic realm="Stowage", charset="UTF-8"';

export const errorTable: Readonly<Record<MirrorErrorKind, ErrorRow>> = {
  'name-invalid': { status: 400, code: 'NAME_INVALID' },
  'digest-invalid': { status: 400, code: 'DIGEST_INVALID' },
  'tag-invalid': { status: 400, code: 'MANIFEST_INVALID' },
  'page-invalid': { status: 400, code: 'UNSUPPORTED' },
  'endpoint-unknown': { status: 404, code: 'UNSUPPORTED' },
  'method-unsupported': { status: 405, code: 'UNSUPPORTED' },
  'login-required': { status: 401, code: 'UNAUTHORIZED' },
  'login-throttled': { status: 429, code: 'TOOMANYREQUESTS', retryAfterMs },
  'client-denied': { status: 403, code: 'DENIED' },
  'upstream-unknown': { status: 404, code: 'NAME_UNKNOWN' },
  'manifest-unknown': { status: 404, code: 'MANIFEST_UNKNOWN' },
  'blob-unknown': { status: 404, code: 'BLOB_UNKNOWN' },
  'rule-denied': { status: 403, code: 'DENIED' },
  'client-throttled': { status: 429, code: 'TOOMANYREQUESTS', retryAfterMs: 1_000 },
  'target-too-long': { status: 414, code: 'NAME_INVALID' },
  'headers-too-large': { status: 431, code: 'UNSUPPORTED' },
  'upstream-denied': { status: 403, code: 'DENIED' },
  'upstream-throttled': { status: 429, code: 'TOOMANYREQUESTS', retryAfterMs },
  'range-invalid': { status: 416, code: undefined },
  'content-mismatch': { status: 502, code: 'UNAVAILABLE' },
  'upstream-failed': { status: 502, code: 'UNAVAILABLE', retryAfterMs },
  overloaded: { status: 503, code: 'UNAVAILABLE', retryAfterMs },
  'upstream-paused': { status: 503, code: 'UNAVAILABLE', retryAfterMs },
  'shutting-down': { status: 503, code: 'UNAVAILABLE', retryAfterMs },
  'upstream-timeout': { status: 504, code: 'UNAVAILABLE', retryAfterMs },
  loop: { status: 508, code: 'UNAVAILABLE' },
};

/** For whatever is thrown that is no MirrorError: a bug, of which the client learns nothing. */
export const bugRow: ErrorRow = { status: 500, code: 'UNKNOWN' };

/**
 * Answers with an error. Once headers are out there is no honest answer left: the connection is destroyed, so
 * that nobody takes what came for the whole (never `end()`, never JSON inside a blob, never a reset).
 */
export function writeError(response: ServerResponse, error: unknown): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const known = error instanceof MirrorError ? error : undefined;
  const row = known === undefined ? bugRow : errorTable[known.kind];
  resetHeaders(response);
  response.statusCode = row.status;
  response.setHeader(headerNames.cacheControl, 'no-store');
  const waitMs = known?.retryAfterMs ?? row.retryAfterMs;
  if (waitMs !== undefined) response.setHeader(headerNames.retryAfter, wholeSeconds(waitMs));
  if (known?.kind === 'login-required') response.setHeader(headerNames.wwwAuthenticate, basicChallenge);
  if (known?.kind === 'method-unsupported') response.setHeader(headerNames.allow, 'GET, HEAD');
  if (known?.kind === 'range-invalid' && known.sizeBytes !== undefined) {
    response.setHeader(headerNames.contentRange, `bytes */${known.sizeBytes}`);
  }
  writeBody(response, row.code === undefined ? undefined : formatBody(row.code, known));
}

/** The body for what could not be read as a request. */
export function describeUnread(status: number): string {
  const message = { 408: 'the request did not come in time', 431: 'the headers are too large' }[status];
  return JSON.stringify({ errors: [{ code: 'UNSUPPORTED', message: message ?? 'this is no HTTP request' }] });
}

/** Everything that a handler may have set for the answer it did not get to give, but for what concerns the connection. */
function resetHeaders(response: ServerResponse): void {
  const kept = [headerNames.connection, headerNames.namespace].map((name) => [name, response.getHeader(name)] as const);
  for (const name of response.getHeaderNames()) response.removeHeader(name);
  for (const [name, value] of kept) if (value !== undefined) response.setHeader(name, value);
  setHeaders(response, commonHeaders);
}

function formatBody(code: string, error: MirrorError | undefined): Buffer {
  const message = error?.message ?? 'internal error';
  const detail = error?.detail;
  return Buffer.from(
    JSON.stringify({ errors: [detail === undefined ? { code, message } : { code, message, detail }] }),
  );
}

function writeBody(response: ServerResponse, body: Buffer | undefined): void {
  if (body !== undefined) response.setHeader(headerNames.contentType, 'application/json');
  response.setHeader(headerNames.contentLength, String(body?.length ?? 0));
  // A HEAD gets the same headers and no body.
  if (body === undefined || response.req.method === 'HEAD') response.end();
  else response.end(body);
}

/** Zero would mean "at once", and clients take nothing but whole seconds. */
function wholeSeconds(milliseconds: number): string {
  return String(Math.max(1, Math.ceil(milliseconds / 1000)));
}
