import type { IncomingHttpHeaders } from 'node:http';
import type { ClientLogin } from '../mirror/pull.ts';

/** Registry passwords may be tokens of some kilobytes; longer than this is nobody's. */
const maxLength = 16 * 1024;
/** What separates nothing in a Basic pair, and what no user of a registry has in its name. */
const controlCharacters = /\p{Cc}/u;

/**
 * The login of an Authorization header (RFC 7617, UTF-8). Undefined for any other scheme, for what is not a pair of
 * name and password, and for the empty pair, which Podman sends when it has none.
 */
export function findClientLogin({ authorization }: IncomingHttpHeaders): ClientLogin | undefined {
  if (authorization === undefined || authorization.length > maxLength) return undefined;
  const [, encoded] = /^basic +([A-Za-z0-9+/]+={0,2}) *$/i.exec(authorization) ?? [];
  if (encoded === undefined) return undefined;
  const pair = Buffer.from(encoded, 'base64').toString('utf8');
  const colon = pair.indexOf(':');
  if (colon < 1 || controlCharacters.test(pair)) return undefined;
  return { username: pair.slice(0, colon), password: pair.slice(colon + 1) };
}

/**
 * Whether a client that asks for `/v2/` is to be told that it may log in. Podman, crane and kaniko look for that
 * there and nowhere else. Docker's daemon does so too, but would offer every mirror its login for Docker Hub.
 */
export function wantsChallenge(headers: IncomingHttpHeaders): boolean {
  return headers.authorization === undefined && headers['user-agent']?.startsWith('docker/') !== true;
}
