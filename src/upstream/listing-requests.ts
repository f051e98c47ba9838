import type { Digest } from '../oci/digest.ts';
import { MirrorError } from '../oci/errors.ts';
import { essenceOf, mediaTypes } from '../oci/media-type.ts';
import { createAnswerError } from './answer-error.ts';
import { findNextLink } from './link.ts';
import type { Registry, RegistryAnswer, RegistryRequest } from './registry-request.ts';
import { discardBody, readBody } from './response-body.ts';
import type { ReferrersList, TagList, TagPage } from './upstream.ts';

const maxTagPageBytes = 8 * 1024 * 1024;
const maxReferrersPageBytes = 4 * 1024 * 1024;
const maxReferrersBytes = 8 * 1024 * 1024;
const maxPages = 100;

/** One page; `next` is read out of the Link, which must lead to where the page came from. */
export async function listTags(registry: Registry, repository: string, page: TagPage): Promise<TagList> {
  const query = new URLSearchParams();
  if (page.n !== undefined) query.set('n', String(page.n));
  if (page.last !== undefined) query.set('last', page.last);
  const answer = await ask(registry, repository, withQuery('tags/list', query), { keepsQuery: true });
  if (answer.status !== 200) {
    discardBody(answer, registry.transport);
    throw createAnswerError(answer, 'manifest-unknown', registry.transport);
  }
  const body = parseObject(await readBody(answer, maxTagPageBytes, registry.transport), registry.name);
  const list: unknown = body['tags'] ?? [];
  if (!Array.isArray(list)) throw unreadable(registry.name);
  const tags = list.filter((tag): tag is string => typeof tag === 'string');
  return { tags, next: findNextPage(answer, tags, page, registry.name) };
}

function findNextPage(
  answer: RegistryAnswer,
  tags: readonly string[],
  page: TagPage,
  name: string,
): TagPage | undefined {
  const link = findNextUrl(answer, name);
  if (link === undefined) return undefined;
  // Quay pages by tokens of its own; the last tag of this page does as well.
  const last = link.searchParams.get('last') ?? tags.at(-1);
  if (last === undefined || last === page.last) return undefined;
  const n = link.searchParams.get('n');
  return { n: n !== null && /^\d{1,9}$/.test(n) ? Number(n) : page.n, last };
}

/**
 * All pages of the referrers API. Undefined when upstream does not offer it: 404, 400 (Quay), 405, HTML, or a
 * redirect to a web page (ghcr.io: 303).
 */
export async function listReferrers(
  registry: Registry,
  repository: string,
  digest: Digest,
): Promise<ReferrersList | undefined> {
  const manifests: unknown[] = [];
  const seen = new Set<string>();
  let path = `referrers/${digest}`;
  let totalBytes = 0;
  for (let pages = 1; ; pages += 1) {
    const answer = await ask(registry, repository, path, { unfollowed: 303, keepsQuery: pages > 1 });
    if (isAbsent(answer) && pages === 1) {
      discardBody(answer, registry.transport);
      return undefined;
    }
    if (answer.status !== 200) {
      discardBody(answer, registry.transport);
      throw createAnswerError(answer, 'manifest-unknown', registry.transport);
    }
    const bytes = await readBody(answer, maxReferrersPageBytes, registry.transport);
    const next = findNextUrl(answer, registry.name)?.search;
    const page = parseObject(bytes, registry.name)['manifests'];
    if (!Array.isArray(page)) throw unreadable(registry.name);
    for (const entry of page as unknown[]) manifests.push(entry);
    totalBytes += bytes.length;
    const { provenance } = answer;
    if (next === undefined) return { manifests, bytes: pages === 1 ? bytes : undefined, isComplete: true, provenance };
    if (seen.has(next) || pages === maxPages || totalBytes > maxReferrersBytes) {
      return { manifests, bytes: undefined, isComplete: false, provenance };
    }
    seen.add(next);
    path = `referrers/${digest}${next}`;
  }
}

function isAbsent({ status, headers }: RegistryAnswer): boolean {
  if ([303, 400, 404, 405].includes(status)) return true;
  return status === 200 && essenceOf(headers['content-type'] ?? '') === 'text/html';
}

/** The next page must be where this one was: anything else could lead us, and our login, anywhere. */
function findNextUrl({ headers, url }: RegistryAnswer, name: string): URL | undefined {
  const link = findNextLink(headers.link);
  if (link === undefined) return undefined;
  const next = URL.canParse(link, url.href) ? new URL(link, url) : undefined;
  if (next?.origin === url.origin) return next;
  throw new MirrorError({ kind: 'upstream-failed', message: `the next page of ${name} is somewhere else` });
}

async function ask(
  registry: Registry,
  repository: string,
  path: string,
  more: Pick<RegistryRequest, 'keepsQuery' | 'unfollowed'>,
): Promise<RegistryAnswer> {
  return await registry.ask({
    method: 'GET',
    kind: 'list',
    identity: registry.sharesLogin ? 'login' : 'anonymous',
    repository,
    path,
    headers: { accept: `${mediaTypes.ociIndex}, application/json` },
    unknownKind: 'manifest-unknown',
    ...more,
  });
}

function withQuery(path: string, query: URLSearchParams): string {
  return query.size === 0 ? path : `${path}?${query.toString()}`;
}

function parseObject(bytes: Uint8Array, name: string): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch {
    throw unreadable(name);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw unreadable(name);
  return value as Readonly<Record<string, unknown>>;
}

function unreadable(name: string): MirrorError {
  return new MirrorError({ kind: 'upstream-failed', message: `${name} sent a list that cannot be read` });
}
