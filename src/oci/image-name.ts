import { isDigest } from './digest.ts';
import { MirrorError } from './errors.ts';
import { formatReference, isRepository, isTag, type Reference, type RepositoryId } from './reference.ts';

/** An image as people name it, its upstream found: `alpine`, `ghcr.io/org/app:v1`, `quay.io/org/app@sha256:…`. */
export interface ImageName extends RepositoryId {
  readonly reference: Reference;
}

/** The closed list of upstreams, as far as names need it. Lower case. */
export interface NamedUpstream {
  readonly name: string;
  readonly aliases: readonly string[];
  readonly isDefault: boolean;
}

/**
 * As Docker reads names: without a host on the list it is the default upstream's, without a tag `latest`, and Docker
 * Hub's short names are spelled out. A digest wins over a tag before it. @throws MirrorError `name-invalid`
 */
export function parseImageName(text: string, upstreams: readonly NamedUpstream[]): ImageName {
  const [named = '', digest, ...more] = text.split('@');
  if (more.length > 0 || (digest !== undefined && !isDigest(digest)))
    throw invalid(text, 'what follows @ is no digest');
  const colon = named.lastIndexOf(':');
  const hasTag = colon > named.lastIndexOf('/');
  const tag = hasTag ? named.slice(colon + 1) : undefined;
  if (tag !== undefined && !isTag(tag)) throw invalid(text, 'the tag does not fit the grammar');
  const { upstream, repository } = findUpstream(hasTag ? named.slice(0, colon) : named, text, upstreams);
  if (!isRepository(repository)) throw invalid(text, 'the repository does not fit the grammar');
  const isShort = upstream === 'docker.io' && !repository.includes('/');
  return {
    upstream,
    repository: isShort ? `library/${repository}` : repository,
    reference: digest === undefined ? { type: 'tag', tag: tag ?? 'latest' } : { type: 'digest', digest },
  };
}

/** In full, so that it means the same wherever it is read. */
export function formatImageName({ upstream, repository, reference }: ImageName): string {
  return `${upstream}/${repository}${reference.type === 'tag' ? ':' : '@'}${formatReference(reference)}`;
}

function findUpstream(path: string, text: string, upstreams: readonly NamedUpstream[]): RepositoryId {
  const slash = path.indexOf('/');
  const first = path.slice(0, Math.max(0, slash)).toLowerCase();
  const named = upstreams.find(({ name, aliases }) => name === first || aliases.includes(first));
  if (named !== undefined) return { upstream: named.name, repository: path.slice(slash + 1) };
  if (/[.:]/.test(first) || first === 'localhost') throw invalid(text, `${nameHost(first)} is not among the upstreams`);
  const chosen = upstreams.find(({ isDefault }) => isDefault) ?? upstreams[0];
  if (chosen === undefined) throw new TypeError('a mirror needs at least one upstream');
  return { upstream: chosen.name, repository: path };
}

function invalid(text: string, reason: string): MirrorError {
  const shown = text.length > 100 ? `${text.slice(0, 100)}…` : text;
  // What JSON leaves as it is, terminals may still obey.
  const quoted = JSON.stringify(shown).replace(/[\x7f-\x9f\u2028\u2029]/g, '?');
  const message = `${quoted} is no image name, as in alpine:3.20 or ghcr.io/org/app@sha256:…: ${reason}`;
  return new MirrorError({ kind: 'name-invalid', message });
}

/** Repeated only where it may stand in an answer or a log as it is. */
function nameHost(text: string): string {
  return /^[\w.:-]{1,100}$/.test(text) ? text : 'its host';
}
