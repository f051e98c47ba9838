import { normaliseHost, portOf } from './egress.ts';

/**
 * Where a challenge's realm leads. `trusted`: may receive the login. `foreign`: is asked without it.
 * `refused`: is not asked at all.
 */
export type Realm =
  | { readonly type: 'trusted'; readonly url: URL }
  | { readonly type: 'foreign'; readonly url: URL }
  | { readonly type: 'refused' };

/** Registries whose token service is known to live on another host. */
const knownPairs: ReadonlyMap<string, string> = new Map([
  ['registry-1.docker.io', 'auth.docker.io'],
  ['index.docker.io', 'auth.docker.io'],
  ['docker.io', 'auth.docker.io'],
  ['registry.gitlab.com', 'gitlab.com'],
]);

/**
 * A hostile upstream can name any realm. The login goes only to the upstream's own host and port, to a known
 * pair, or to what the operator listed; never over http when the upstream is https.
 */
export function judgeRealm(realm: string, upstreamUrl: URL, authHosts: readonly string[]): Realm {
  if (!URL.canParse(realm)) return { type: 'refused' };
  const url = new URL(realm);
  url.hash = '';
  const isHttp = url.protocol === 'https:' || url.protocol === 'http:';
  const isDowngrade = upstreamUrl.protocol === 'https:' && url.protocol !== 'https:';
  if (!isHttp || isDowngrade || url.username !== '' || url.password !== '') return { type: 'refused' };
  const host = normaliseHost(url.hostname);
  const isOwn = host === normaliseHost(upstreamUrl.hostname) && portOf(url) === portOf(upstreamUrl);
  const isPair =
    url.protocol === 'https:' && url.port === '' && knownPairs.get(normaliseHost(upstreamUrl.hostname)) === host;
  const isTrusted = isOwn || isPair || authHosts.some((entry) => isListed(entry, url));
  return { type: isTrusted ? 'trusted' : 'foreign', url };
}

/** `host` means its standard port; `host:port` that port. */
function isListed(entry: string, url: URL): boolean {
  const base = `${url.protocol}//${entry}`;
  if (!URL.canParse(base)) return false;
  const listed = new URL(base);
  return normaliseHost(listed.hostname) === normaliseHost(url.hostname) && portOf(listed) === portOf(url);
}
