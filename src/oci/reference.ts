// Names: repositories, tags, references (distribution-spec "Pulling manifests"). Pure text.
import { parseDigest, type Digest } from './digest.ts';
import { MirrorError } from './errors.ts';

/** A repository of one upstream. Both parts are checked; `upstream` is the upstream's configured name. */
export interface RepositoryId {
  readonly upstream: string;
  readonly repository: string;
}

export type Reference =
  { readonly type: 'tag'; readonly tag: string } | { readonly type: 'digest'; readonly digest: Digest };

const component = '[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*';
const repositoryPattern = new RegExp(`^${component}(?:/${component})*$`);
const tagPattern = /^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/;
/** Clients limit host + "/" + name to 255 characters; longer names also make no sensible keys. */
const maxRepositoryLength = 255;

export function isRepository(text: string): boolean {
  return text.length <= maxRepositoryLength && !text.includes('\n') && repositoryPattern.test(text);
}

export function isTag(text: string): boolean {
  return !text.includes('\n') && tagPattern.test(text);
}

/** @throws MirrorError `name-invalid` */
export function parseRepository(text: string): string {
  if (isRepository(text)) return text;
  throw new MirrorError({
    kind: 'name-invalid',
    message:
      'the repository name does not fit the grammar: lower-case letters and digits, separated by . _ __ or -, in components separated by /',
  });
}

/** A `:` decides: no tag holds one. @throws MirrorError `digest-invalid` or `tag-invalid` */
export function parseReference(text: string): Reference {
  if (text.includes(':')) return { type: 'digest', digest: parseDigest(text) };
  if (isTag(text)) return { type: 'tag', tag: text };
  throw new MirrorError({
    kind: 'tag-invalid',
    message: 'the tag does not fit the grammar: up to 128 letters, digits, _ . and -, not starting with . or -',
  });
}

export function formatReference(reference: Reference): string {
  return reference.type === 'tag' ? reference.tag : reference.digest;
}

/**
 * The tag under which referrers of a digest are kept where the referrers API is absent
 * (distribution-spec "Referrers Tag Schema": encoded part cut to 64 characters).
 */
export function referrersTag(digest: Digest): string {
  const [algorithm = '', hex = ''] = digest.split(':');
  return `${algorithm}-${hex.slice(0, 64)}`;
}
