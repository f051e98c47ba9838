import { createHash } from 'node:crypto';
import { mediaTypes } from '../../../src/oci/media-type.ts';
import { parseDigest, type Digest } from '../../../src/oci/digest.ts';
import type { Reference } from '../../../src/oci/reference.ts';
import type { RecordedRequest } from '../../support/raw-server.ts';
import type { Reply } from './fixture.ts';

export const tag: Reference = { type: 'tag', tag: 'latest' };
export const manifestText = '{"schemaVersion":2}';
export const manifestDigest = digestOf(manifestText);
export const blobText = 'a layer, as far as anybody here can tell';
export const blobDigest = digestOf(blobText);

function digestOf(content: string | Buffer): Digest {
  return parseDigest(`sha256:${createHash('sha256').update(content).digest('hex')}`);
}

export const manifestReply: Reply = {
  status: 200,
  headers: {
    'content-type': mediaTypes.ociManifest,
    'docker-content-digest': manifestDigest,
    etag: `"${manifestDigest}"`,
  },
  body: manifestText,
};

/** A blob with working ranges. */
export function blobReply({ headers }: RecordedRequest, content: Buffer = Buffer.from(blobText)): Reply {
  const [, first, last] = /^bytes=(\d+)-(\d*)$/.exec(headers['range'] ?? '') ?? [];
  if (first === undefined) return { status: 200, body: content };
  const start = Number(first);
  const end = Math.min(content.length, last === undefined || last === '' ? Infinity : Number(last) + 1);
  if (start >= content.length) return { status: 416, headers: { 'content-range': `bytes */${content.length}` } };
  const range = `bytes ${start}-${end - 1}/${content.length}`;
  return { status: 206, headers: { 'content-range': range }, body: content.subarray(start, end) };
}

export interface GuardedOptions {
  /** Whether this Authorization opens this path. Default: any token that was granted. */
  readonly isAllowed?: (authorization: string | undefined, request: RecordedRequest) => boolean;
  /** What the token endpoint says to the n-th request, counted from 1. */
  readonly grant?: (request: RecordedRequest, count: number) => Reply | Promise<Reply>;
  readonly challenge?: (request: RecordedRequest) => string;
  readonly content?: (request: RecordedRequest) => Reply;
}

/** A registry that is its own token service, at `/token`, on one host and port. */
export function createGuarded({ isAllowed, grant, challenge, content }: GuardedOptions = {}) {
  let count = 0;
  return async (request: RecordedRequest): Promise<Reply> => {
    const { target, headers } = request;
    if (target.startsWith('/token')) {
      count += 1;
      return (await grant?.(request, count)) ?? grantToken(`token-${count}`);
    }
    const authorization = headers['authorization'];
    const isOpen = isAllowed?.(authorization, request) ?? authorization?.startsWith('Bearer token-') === true;
    if (!isOpen) {
      const offer =
        challenge?.(request) ?? `Bearer realm="http://${headers['host'] ?? ''}/token",service="registry.test"`;
      return {
        status: 401,
        headers: { 'www-authenticate': offer, 'content-type': 'text/html' },
        body: '<html>401</html>',
      };
    }
    if (content !== undefined) return content(request);
    return target.includes('/manifests/') ? manifestReply : blobReply(request);
  };
}

export function grantToken(token: string, more: object = {}): Reply {
  return {
    status: 200,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ token, expires_in: 300, ...more }),
  };
}
