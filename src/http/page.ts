// Paging parameters of lists (distribution-spec "Listing Tags") and the Link to the next page. Pure.
import { MirrorError } from '../oci/errors.ts';
import { isTag } from '../oci/reference.ts';

/** `n` may be 0: an empty page. */
export interface Page {
  readonly n: number | undefined;
  readonly last: string | undefined;
}

/** Larger pages are cut to this; the Link tells the client that there is more. */
const maxPageSize = 10_000;
/** Longer than any name in a catalogue. */
const maxLastLength = 512;

/** @throws MirrorError `page-invalid` for an `n` that is no plain whole number, or a repeated `n` or `last` */
export function parsePage(query: URLSearchParams): Page {
  const n = findOnce(query, 'n');
  const last = findOnce(query, 'last');
  if (n !== undefined && !/^\d+$/.test(n)) throw invalid('n is not a whole number');
  if (last !== undefined && last.length > maxLastLength) throw invalid('last is too long');
  return { n: n === undefined ? undefined : Math.min(Number(n), maxPageSize), last: last === '' ? undefined : last };
}

/** As `parsePage`; `last` goes upstream, so it must be a tag. */
export function parseTagsPage(query: URLSearchParams): Page {
  const page = parsePage(query);
  if (page.last !== undefined && !isTag(page.last)) throw invalid('last is not a tag');
  return page;
}

/**
 * The Link header to the next page: relative, the client's own path as it came (with any prefix), its query
 * kept (`ns` above all) but for the two parameters of the page.
 */
export function nextLink(target: string, next: { readonly n: number; readonly last: string }): string {
  const [path = '', ...query] = target.split('?');
  const parameters = new URLSearchParams(query.join('?'));
  parameters.set('n', String(next.n));
  parameters.set('last', next.last);
  return `<${path}?${parameters.toString()}>; rel="next"`;
}

function findOnce(query: URLSearchParams, name: string): string | undefined {
  const [value, ...others] = query.getAll(name);
  if (others.length > 0) throw invalid(`${name} is given more than once`);
  return value;
}

function invalid(message: string): MirrorError {
  return new MirrorError({ kind: 'page-invalid', message });
}
