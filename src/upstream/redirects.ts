import { MirrorError } from '../oci/errors.ts';
import { discardBody } from './response-body.ts';
import type { Transport, TransportRequest, TransportResponse } from './transport.ts';

const maxRedirects = 5;
const maxLocationLength = 8 * 1024;
const redirectStatuses = new Set([301, 302, 303, 307, 308]);

export interface RedirectRequest extends TransportRequest {
  /** Authorization and whatever else is for this origin only. Once a redirect has left it, they stay away. */
  readonly secrets: Readonly<Record<string, string>>;
  /** Put the query back where a redirect lost it: registry.k8s.io builds its targets from the path alone. */
  readonly keepsQuery?: boolean;
  /** Sends what goes to the origin asked; without it, and to other origins, the transport does. */
  readonly sendOwn?: Transport['send'];
  /** A redirect status that is an answer in itself. */
  readonly unfollowed?: number;
}

export interface RedirectResponse extends TransportResponse {
  /** Whether the answer comes from another origin than the one asked: its 401 and 403 are not the registry's. */
  readonly isForeign: boolean;
}

/**
 * Follows by hand, so that each hop passes the egress rule, path bytes stay as they are (`//` in Azure's signed
 * URLs) and secrets end at the origin.
 * @throws MirrorError `upstream-failed` for more than 5 hops, a useless Location, or https that becomes http.
 */
export async function followRedirects(transport: Transport, request: RedirectRequest): Promise<RedirectResponse> {
  const { secrets, keepsQuery, unfollowed, sendOwn = transport.send, ...plain } = request;
  const origin = request.url.origin;
  let { url } = request;
  let isForeign = false;
  for (let hops = 0; ; hops += 1) {
    const headers = isForeign ? plain.headers : { ...plain.headers, ...secrets };
    const send = isForeign ? transport.send : sendOwn;
    const response = await send({ ...plain, url, headers });
    if (!redirectStatuses.has(response.status) || response.status === unfollowed) return { ...response, isForeign };
    discardBody(response, transport);
    if (hops === maxRedirects) throw failed(transport, 'redirects too often');
    url = resolveLocation(response, transport);
    if (keepsQuery === true && url.search === '') url.search = request.url.search;
    isForeign ||= url.origin !== origin;
  }
}

function resolveLocation({ headers, url }: TransportResponse, transport: Transport): URL {
  const { location } = headers;
  if (location === undefined || location.length > maxLocationLength || !URL.canParse(location, url.href)) {
    throw failed(transport, 'redirects to no usable address');
  }
  const target = new URL(location, url);
  target.hash = '';
  if (url.protocol === 'https:' && target.protocol !== 'https:')
    throw failed(transport, 'redirects from https to http');
  return target;
}

function failed(transport: Transport, what: string): MirrorError {
  // It will say the same the next time.
  return new MirrorError({ kind: 'upstream-failed', message: `${transport.name} ${what}`, isFinal: true });
}
