// Who may do what at the admin listener. Browsers are the danger: they send what foreign pages tell them to.
import type { NextFunction, Request, RequestHandler, Response } from 'express';
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

/** Lets in who brings the token (RFC 6750); without one, everybody. */
export function requireToken(token: AdminToken | undefined): RequestHandler {
  return async (request: Request, response: Response, next: NextFunction) => {
    const [, given] = /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? '') ?? [];
    if (token === undefined || (given !== undefined && (await token.matches(given)))) {
      next();
      return;
    }
    response.setHeader('WWW-Authenticate', given === undefined ? 'Bearer' : 'Bearer error="invalid_token"');
    const error =
      given === undefined
        ? 'a token is needed: Authorization: Bearer TOKEN, with what is in admin.tokenFile'
        : 'this is not the token of admin.tokenFile';
    sendJson(response, 401, { error });
  };
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
