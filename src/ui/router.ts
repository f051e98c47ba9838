// Which view an address shows. The browser's history is the only memory.

export interface ImageQuery {
  readonly search: string;
  /** Empty: all. */
  readonly upstream: string;
  readonly sort: ImageSort;
}

export const imageSorts = ['used', 'name', 'size', 'hits'] as const;
export type ImageSort = (typeof imageSorts)[number];

export type Route =
  | { readonly view: 'overview' }
  | { readonly view: 'images'; readonly query: ImageQuery }
  | { readonly view: 'image'; readonly reference: string }
  | { readonly view: 'warm-up' }
  | { readonly view: 'set-up' }
  | { readonly view: 'unknown'; readonly path: string };

export const anyImage: ImageQuery = { search: '', upstream: '', sort: 'used' };

/** `search` with or without its question mark. */
export function parseRoute(path: string, search: string): Route {
  const trimmed = path.length > 1 ? path.replace(/\/+$/, '') : path;
  if (trimmed === '/' || trimmed === '') return { view: 'overview' };
  if (trimmed === '/images') return { view: 'images', query: parseImageQuery(search) };
  if (trimmed === '/warm-up') return { view: 'warm-up' };
  if (trimmed === '/setup') return { view: 'set-up' };
  const reference = trimmed.startsWith('/images/') ? decode(trimmed.slice('/images/'.length)) : undefined;
  return reference === undefined ? { view: 'unknown', path } : { view: 'image', reference };
}

export function formatRoute(route: Route): string {
  switch (route.view) {
    case 'overview':
      return '/';
    case 'images':
      return `/images${formatImageQuery(route.query)}`;
    case 'image':
      return `/images/${encodeReference(route.reference)}`;
    case 'warm-up':
      return '/warm-up';
    case 'set-up':
      return '/setup';
    case 'unknown':
      return route.path;
  }
}

function parseImageQuery(text: string): ImageQuery {
  const query = new URLSearchParams(text);
  const sort = imageSorts.find((known) => known === query.get('sort')) ?? anyImage.sort;
  return { search: query.get('search') ?? '', upstream: query.get('upstream') ?? '', sort };
}

function formatImageQuery({ search, upstream, sort }: ImageQuery): string {
  const query = new URLSearchParams();
  if (search !== '') query.set('search', search);
  if (upstream !== '') query.set('upstream', upstream);
  if (sort !== anyImage.sort) query.set('sort', sort);
  return query.size === 0 ? '' : `?${query.toString()}`;
}

/** As it reads, as far as a path may hold it. */
function encodeReference(reference: string): string {
  return encodeURIComponent(reference).replaceAll('%2F', '/').replaceAll('%3A', ':').replaceAll('%40', '@');
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
