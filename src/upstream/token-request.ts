import { MirrorError } from '../oci/errors.ts';
import type { Account } from './pauses.ts';
import type { PressedResponse, Pressure } from './pressure.ts';
import { followRedirects, type RedirectResponse } from './redirects.ts';
import { discardBody, readBody } from './response-body.ts';
import { findRetryAfterMs } from './retry-after.ts';
import type { Transport } from './transport.ts';

const maxTokenAnswerBytes = 1024 * 1024;
const defaultLifetimeMs = 60_000;
const maxLifetimeMs = 24 * 3_600_000;
/** What may stand in a header; anything else would be an upstream's attempt to write headers of ours. */
const headerSafe = /^[\x21-\x7e]{1,65536}$/;

export interface TokenRequest {
  readonly realm: URL;
  readonly service: string;
  readonly scope: string;
  /** A Basic header, for the realm's own origin only. */
  readonly basic: string | undefined;
  /** In place of `basic`: what a POST exchanges for a token, at the realm's own origin only. */
  readonly identityToken: string | undefined;
  /** Whose limits it counts against. */
  readonly account: Account;
}

/** `refused`: the service said no, to the login or to an anonymous wish. */
export type TokenAnswer =
  | { readonly type: 'granted'; readonly token: string; readonly lifetimeMs: number }
  | { readonly type: 'refused'; readonly status: number };

/**
 * Asks a token service (distribution, docs/spec/auth/token.md), by GET: Google's know no POST. An identity token goes
 * by POST, as nothing else takes it (docs/spec/auth/oauth.md).
 * @throws MirrorError `upstream-throttled`, `upstream-failed`, `upstream-timeout`: outages, never verdicts.
 */
export async function requestToken(
  transport: Transport,
  pressure: Pressure,
  request: TokenRequest,
): Promise<TokenAnswer> {
  const { account } = request;
  const response = await pressure.ask({ kind: 'token', account }, () =>
    request.identityToken === undefined
      ? askForToken(transport, pressure, request)
      : exchangeToken(pressure, request, request.identityToken),
  );
  if (response.status === 200)
    return parseToken(await readBody(response, maxTokenAnswerBytes, transport), transport.name);
  discardBody(response, transport);
  if (isRefusal(response.status, request.basic !== undefined)) return { type: 'refused', status: response.status };
  throw createOutage(response, transport);
}

async function askForToken(
  transport: Transport,
  pressure: Pressure,
  { realm, service, scope, basic }: TokenRequest,
): Promise<RedirectResponse> {
  const url = new URL(realm);
  url.searchParams.set('service', service);
  url.searchParams.set('scope', scope);
  return await followRedirects(transport, {
    url,
    method: 'GET',
    kind: 'token',
    headers: { accept: 'application/json' },
    secrets: basic === undefined ? {} : { authorization: basic },
    sendOwn: pressure.send,
  });
}

/** Redirects are not followed: the token is in the body. */
async function exchangeToken(
  pressure: Pressure,
  { realm, service, scope }: TokenRequest,
  identityToken: string,
): Promise<RedirectResponse> {
  const form = new URLSearchParams({
    grant_type: 'refresh_token',
    refresh_token: identityToken,
    client_id: 'stowage',
    service,
    scope,
  });
  const headers = { accept: 'application/json' };
  const response = await pressure.send({ url: realm, method: 'POST', form, kind: 'token', headers });
  return { ...response, isForeign: false };
}

/** A bad login is a 401, with some services a 400; 403 (and 401 without login) is the service's word on the scope. */
function isRefusal(status: number, hasLogin: boolean): boolean {
  return status === 401 || status === 403 || (hasLogin && status === 400);
}

function createOutage({ status, headers, waitMs }: PressedResponse, { name, clock }: Transport): MirrorError {
  const retryAfterMs = waitMs ?? findRetryAfterMs(headers['retry-after'] ?? headers['x-retry-after'], clock.wallMs());
  return new MirrorError({
    kind: status === 429 ? 'upstream-throttled' : 'upstream-failed',
    message: status === 429 ? `${name} limits our token requests` : `the token service of ${name} fails`,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  });
}

function parseToken(bytes: Uint8Array, upstream: string): TokenAnswer {
  let body: unknown;
  try {
    body = JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch {
    body = undefined;
  }
  const { token, access_token: accessToken, expires_in: expiresIn } = (body ?? {}) as Readonly<Record<string, unknown>>;
  for (const candidate of [token, accessToken]) {
    if (typeof candidate === 'string' && headerSafe.test(candidate)) {
      return { type: 'granted', token: candidate, lifetimeMs: readLifetimeMs(expiresIn) };
    }
  }
  throw new MirrorError({ kind: 'upstream-failed', message: `the token service of ${upstream} sent no token` });
}

/** At least 60 s, as the specification has it; nonsense counts as not said. `issued_at` is another clock's word. */
function readLifetimeMs(expiresIn: unknown): number {
  const seconds = typeof expiresIn === 'string' ? Number(expiresIn) : expiresIn;
  if (typeof seconds !== 'number' || !Number.isFinite(seconds)) return defaultLifetimeMs;
  return Math.min(Math.max(seconds * 1000, defaultLifetimeMs), maxLifetimeMs);
}
