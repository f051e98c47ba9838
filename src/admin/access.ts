// Who may do what at the admin listener. Browsers are the danger: they send what foreign pages tell them to.
import type { NextFunction, Request, RequestHandler, Response } from 'express';
import type { Audit } from '../telemetry/audit.ts';
import { sendJson } from './api-router.ts';
import type { AdminToken } from './token-file.ts';

/**
 * Everything comes from here: no script, style, image or connection from elsewhere, nothing written into the page,
 * and no frame around it.
 */
const contentPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "font-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const headers: Readonly<Record<string, string>> = {
  'X-Content-Type-Options': 'nosniff',
  'Content-Security-Policy': contentPolicy,
  'Referrer-Policy': 'no-referrer',
  'X-Frame-Options': 'DENY',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Cache-Control': 'no-store',
};

/** Of every answer of the listener. */
export function setAccessHeaders(response: Response): void {
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
}

/** What is done about wrong tokens; without it they are refused, and that is all. */
export interface TokenGuard {
  /** Gives late, or not at all, what was found out about a token to an address that has guessed too often. */
  settle(token: { readonly text: string; readonly isRight: boolean }, address: string): Promise<TokenVerdict>;
  readonly audit: Audit;
}

type TokenVerdict = 'right' | 'wrong' | { readonly retryAfterMs: number };

/** Lets in who brings the token (RFC 6750); without one, everybody. */
export function requireToken(token: AdminToken | undefined, guard?: TokenGuard): RequestHandler {
  return async (request: Request, response: Response, next: NextFunction) => {
    if (token === undefined) return next();
    const [, text] = /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? '') ?? [];
    // Who comes without one wants to know whether one is needed, and guesses nothing.
    if (text === undefined) return refuse(response, undefined);
    const isRight = await token.matches(text);
    // Not what proxies say: whoever reaches the port could say it.
    const client = request.socket.remoteAddress ?? 'unknown';
    const verdict = (await guard?.settle({ text, isRight }, client)) ?? (isRight ? 'right' : 'wrong');
    if (verdict === 'right') return next();
    guard?.audit.refused({ reason: 'token', client, rule: 'admin.tokenFile' });
    return refuse(response, verdict);
  };
}

/** `verdict` undefined: there was no token. */
function refuse(response: Response, verdict: Exclude<TokenVerdict, 'right'> | undefined): void {
  if (typeof verdict === 'object') {
    response.setHeader('Retry-After', Math.ceil(verdict.retryAfterMs / 1000));
    sendJson(response, 429, { error: 'too many wrong tokens came from this address' });
    return;
  }
  response.setHeader('WWW-Authenticate', verdict === undefined ? 'Bearer' : 'Bearer error="invalid_token"');
  const error =
    verdict === undefined
      ? 'a token is needed: Authorization: Bearer TOKEN, with what is in admin.tokenFile'
      : 'this is not the token of admin.tokenFile';
  sendJson(response, 401, { error });
}

/**
 * Turns away what a foreign page had the browser send. Reading is refused only where the browser says so itself:
 * its answers stay closed to the page anyway, but streams would be used up. Changing takes a type that a page cannot
 * send without asking first, and the own origin where there is one.
 */
export function refuseForeignPages(request: Request, response: Response, next: NextFunction): void {
  const refusal = findRefusal(request);
  if (refusal === undefined) next();
  else sendJson(response, refusal.status, { error: refusal.error });
}

function findRefusal({
  method,
  headers: given,
}: Request): { readonly status: number; readonly error: string } | undefined {
  const isReading = method === 'GET' || method === 'HEAD' || method === 'OPTIONS';
  const isCrossSite = given['sec-fetch-site'] === 'cross-site';
  // Following a link is reading what one has been shown.
  const isLink = isReading && given['sec-fetch-mode'] === 'navigate';
  if (isCrossSite && !isLink) return { status: 403, error: 'a page of another site sent this' };
  if (isReading) return undefined;
  const { origin, host } = given;
  if (origin !== undefined && !isOwnOrigin(origin, host)) {
    return { status: 403, error: 'the Origin is not the one of this address: a page from elsewhere sent this' };
  }
  if (/^application\/json[ \t]*(;|$)/i.test(given['content-type'] ?? '')) return undefined;
  return { status: 415, error: 'changes are sent as Content-Type: application/json' };
}

/** Whatever scheme: a proxy in front may speak TLS. */
function isOwnOrigin(origin: string, host: string | undefined): boolean {
  const own = host?.toLowerCase();
  return own !== undefined && (origin.toLowerCase() === `http://${own}` || origin.toLowerCase() === `https://${own}`);
}
