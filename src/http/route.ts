// From a request line to what is wanted. Pure: no I/O, no decoding but `%3A`, read from the right.
import { parseDigest } from '../oci/digest.ts';
import { MirrorError } from '../oci/errors.ts';
import { parseReference, parseRepository, type RepositoryId } from '../oci/reference.ts';
import type { BlobPull, ManifestPull, ReferrersPull, TagsPull } from '../mirror/pull.ts';
import type { AddressIndex } from './address-book.ts';
import { parsePage, parseTagsPage, type Page } from './page.ts';

export interface RouteRequest {
  readonly method: string;
  /** The request target as it stood in the request line. */
  readonly target: string;
  readonly host: string | undefined;
}

interface Routed {
  /** The value of `ns`, to be echoed as OCI-Namespace: a listed name, as the client wrote it. */
  readonly namespace: string | undefined;
}

export type Route = Routed &
  /** `upstream`: the one that is addressed. */
  (
    | { readonly endpoint: 'base'; readonly upstream: string }
    | { readonly endpoint: 'catalog'; readonly upstream: string | undefined; readonly page: Page }
    | { readonly endpoint: 'manifest'; readonly pull: ManifestPull }
    | { readonly endpoint: 'blob'; readonly pull: BlobPull }
    | { readonly endpoint: 'tags'; readonly pull: TagsPull; readonly requestedName: string }
    | { readonly endpoint: 'referrers'; readonly pull: ReferrersPull }
  );

/**
 * Finds what a request is after, in any of the four addressing dialects.
 * @throws MirrorError `method-unsupported`, `endpoint-unknown`, `upstream-unknown`, `name-invalid`,
 * `digest-invalid`, `tag-invalid`, `page-invalid`, and nothing else
 */
export function parseRoute(request: RouteRequest, addresses: AddressIndex): Route {
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    throw new MirrorError({ kind: 'method-unsupported', message: 'this registry is read-only: GET and HEAD' });
  }
  const { path, query } = splitTarget(request.target);
  const { prefix, components } = splitPath(path);
  const namespace = findNamespace(query);
  const chosen = chooseUpstream({ namespace, host: request.host, prefix }, addresses);
  return { namespace, ...parseEndpoint(components, query, { chosen, addresses }) };
}

/** What follows `?` is decoded by the rules of forms; the path never is. */
function splitTarget(target: string): { readonly path: string; readonly query: URLSearchParams } {
  // An absolute form names a host of the client's choosing: this is no forward proxy, and to take only its path
  // would serve the default upstream under another registry's name.
  if (!target.startsWith('/')) {
    throw new MirrorError({
      kind: 'name-invalid',
      message: 'the request target must be a path: this is no forward proxy',
    });
  }
  const mark = target.indexOf('?');
  if (mark === -1) return { path: target, query: new URLSearchParams() };
  return { path: target.slice(0, mark), query: new URLSearchParams(target.slice(mark + 1)) };
}

/** `/v2/…`, or `/docker.io/v2/…` with a prefix; what follows `v2`, undecoded. */
function splitPath(path: string): { readonly prefix: string | undefined; readonly components: readonly string[] } {
  const [first = '', second, ...rest] = path.slice(1).split('/');
  if (first === 'v2') return { prefix: undefined, components: second === undefined ? [] : [second, ...rest] };
  if (first !== '' && second === 'v2') return { prefix: decodeColon(first), components: rest };
  throw unknownEndpoint();
}

function findNamespace(query: URLSearchParams): string | undefined {
  const [namespace, ...others] = query.getAll('ns');
  if (others.length > 0) throw new MirrorError({ kind: 'name-invalid', message: 'ns is given more than once' });
  return namespace;
}

interface Addressed {
  readonly namespace: string | undefined;
  readonly host: string | undefined;
  readonly prefix: string | undefined;
}

/** What is said outside the name: `ns`, then Host, then the component before `/v2`. Each that is said must be listed. */
function chooseUpstream(asked: Addressed, addresses: AddressIndex): string | undefined {
  const byNamespace = asked.namespace === undefined ? undefined : requireListed(asked.namespace, addresses);
  const byPrefix = asked.prefix === undefined ? undefined : requireListed(asked.prefix, addresses);
  const byHost = asked.host === undefined ? undefined : addresses.findByHost(asked.host);
  return byNamespace ?? byHost ?? byPrefix;
}

function requireListed(name: string, addresses: AddressIndex): string {
  const upstream = addresses.findByName(name);
  if (upstream !== undefined) return upstream;
  throw new MirrorError({ kind: 'upstream-unknown', message: 'this mirror does not serve that registry' });
}

interface Addressing {
  readonly chosen: string | undefined;
  readonly addresses: AddressIndex;
}

type Endpoint = Route extends infer Each ? (Each extends Route ? Omit<Each, keyof Routed> : never) : never;

/** From the right, because a repository may have a component called blobs, manifests, tags or referrers. */
function parseEndpoint(components: readonly string[], query: URLSearchParams, addressing: Addressing): Endpoint {
  if (components.length === 0 || (components.length === 1 && components[0] === '')) {
    return { endpoint: 'base', upstream: addressing.chosen ?? addressing.addresses.defaultUpstream };
  }
  if (components.length === 1 && components[0] === '_catalog') {
    return { endpoint: 'catalog', upstream: addressing.chosen, page: parsePage(query) };
  }
  const name = components.slice(0, -2);
  const [kind = '', last = ''] = components.slice(-2);
  // A trailing slash leaves `last` empty: no endpoint of the specification for reading ends in one.
  if (name.length === 0 || last === '') throw unknownEndpoint();
  if (kind === 'manifests') {
    const repository = resolveRepository(name, addressing);
    return { endpoint: 'manifest', pull: { ...repository, reference: parseReference(decodeColon(last)) } };
  }
  if (kind === 'blobs') {
    const repository = resolveRepository(name, addressing);
    return { endpoint: 'blob', pull: { ...repository, digest: parseDigest(decodeColon(last)) } };
  }
  if (kind === 'tags' && last === 'list') {
    const repository = resolveRepository(name, addressing);
    return { endpoint: 'tags', pull: { ...repository, ...parseTagsPage(query) }, requestedName: decodeName(name) };
  }
  if (kind === 'referrers') {
    const repository = resolveRepository(name, addressing);
    const digest = parseDigest(decodeColon(last));
    return { endpoint: 'referrers', pull: { ...repository, digest, artifactType: findArtifactType(query) } };
  }
  throw isBrokenDigest(components) ? invalidDigest() : unknownEndpoint();
}

/** A digest with slashes in it (`blobs/sha256:../../x`) falls apart into components; it is a bad digest all the same. */
function isBrokenDigest(components: readonly string[]): boolean {
  return components.some((component, index) => {
    const before = components[index - 1];
    return (before === 'blobs' || before === 'referrers') && decodeColon(component).includes(':');
  });
}

function invalidDigest(): MirrorError {
  return new MirrorError({ kind: 'digest-invalid', message: 'a digest holds no slash' });
}

/** A first component that names the upstream goes, once; where nothing else chose one, it chooses. */
function resolveRepository(components: readonly string[], { chosen, addresses }: Addressing): RepositoryId {
  const [first = '', ...others] = components;
  const named = others.length === 0 ? undefined : addresses.findByName(decodeColon(first));
  const upstream = chosen ?? named ?? addresses.defaultUpstream;
  const own = named === upstream ? others : components;
  // Docker Hub's official images have no namespace of their own in the names people write.
  const isOfficial = upstream === 'docker.io' && own.length === 1;
  return { upstream, repository: parseRepository(isOfficial ? `library/${own.join('/')}` : own.join('/')) };
}

/** Several types ask for "any of these": no filter is applied then, and the client, not told of one, filters by itself. */
function findArtifactType(query: URLSearchParams): string | undefined {
  const [artifactType, ...others] = query.getAll('artifactType');
  return artifactType === '' || others.length > 0 ? undefined : artifactType;
}

function decodeName(components: readonly string[]): string {
  return [decodeColon(components[0] ?? ''), ...components.slice(1)].join('/');
}

/** The one escape that the grammar of digests and registry hosts has use for; any other stays and fits no grammar. */
function decodeColon(text: string): string {
  return text.replace(/%3a/gi, ':');
}

function unknownEndpoint(): MirrorError {
  return new MirrorError({ kind: 'endpoint-unknown', message: 'nothing is served at this path' });
}
