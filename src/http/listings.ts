// Lists: the tags of a repository, the referrers of a digest, the catalogue of what is cached.
import type { Mirror } from '../mirror/mirror-api.ts';
import type { Outcome, ReferrersPull, TagsPull } from '../mirror/pull.ts';
import { mediaTypes } from '../oci/media-type.ts';
import type { Exchange } from './exchange.ts';
import { cacheStatus, headerNames, warning } from './headers.ts';
import { nextLink, type Page } from './page.ts';

/** Answers `tags/list`. `requestedName` is the repository as the client calls it. */
export async function answerTags(
  exchange: Exchange,
  pull: TagsPull,
  { mirror, requestedName }: { readonly mirror: Mirror; readonly requestedName: string },
): Promise<void> {
  // `n=0` is an empty page without Link, but of a repository that exists: one tag is asked for to know.
  const served = await mirror.listTags(pull.n === 0 ? { ...pull, n: 1 } : pull, exchange.signal);
  setListHeaders(exchange, served);
  const isEmptyPage = pull.n === 0;
  if (served.next !== undefined && !isEmptyPage) {
    exchange.response.setHeader(headerNames.link, nextLink(exchange.target, served.next));
  }
  await sendJson(exchange, { name: requestedName, tags: isEmptyPage ? [] : served.tags });
}

/** Answers `referrers`: the type must be exactly this one, or clients take it for "not supported". */
export async function answerReferrers(exchange: Exchange, pull: ReferrersPull, mirror: Mirror): Promise<void> {
  const served = await mirror.listReferrers(pull, exchange.signal);
  setListHeaders(exchange, served);
  if (served.isFiltered) exchange.response.setHeader(headerNames.filtersApplied, 'artifactType');
  exchange.response.setHeader(headerNames.contentType, mediaTypes.ociIndex);
  await exchange.sendBytes(served.bytes);
}

/**
 * Answers `_catalog` with names under which this client can pull: those of the upstream it addressed, or, where
 * it addressed none, all of them with the upstream in front.
 */
export async function answerCatalog(
  exchange: Exchange,
  { upstream, page }: { readonly upstream: string | undefined; readonly page: Page },
  mirror: Mirror,
): Promise<void> {
  const names = mirror
    .listCatalog()
    .filter((entry) => upstream === undefined || entry.upstream === upstream)
    .map((entry) => (upstream === undefined ? `${entry.upstream}/${entry.repository}` : entry.repository))
    // Bytewise, because names are ASCII; with the upstream in front the order of pairs no longer holds.
    .toSorted((left, right) => (left < right ? -1 : Number(left > right)));
  const { last, n } = page;
  const later = last === undefined ? names : names.filter((name) => name > last);
  const repositories = n === undefined ? later : later.slice(0, n);
  const lastShown = repositories.at(-1);
  exchange.response.setHeader(headerNames.cacheControl, 'no-cache');
  if (n !== undefined && lastShown !== undefined && repositories.length < later.length) {
    exchange.response.setHeader(headerNames.link, nextLink(exchange.target, { n, last: lastShown }));
  }
  await sendJson(exchange, { repositories });
}

function setListHeaders(
  exchange: Exchange,
  served: { readonly outcome: Outcome; readonly warning: string | undefined },
): void {
  const { response } = exchange;
  exchange.outcome = served.outcome;
  response.setHeader(headerNames.cacheControl, 'no-cache');
  response.setHeader(headerNames.cacheStatus, cacheStatus(served.outcome));
  if (served.warning !== undefined) response.setHeader(headerNames.warning, warning(served.warning));
}

async function sendJson(exchange: Exchange, value: unknown): Promise<void> {
  exchange.response.setHeader(headerNames.contentType, 'application/json');
  await exchange.sendBytes(Buffer.from(JSON.stringify(value)));
}
