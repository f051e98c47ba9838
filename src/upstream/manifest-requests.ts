import { isDigest, type Digest } from '../oci/digest.ts';
import { MirrorError } from '../oci/errors.ts';
import { maxManifestBytes } from '../oci/manifest.ts';
import { essenceOf, isManifestType, manifestAccept } from '../oci/media-type.ts';
import { formatReference, type Reference } from '../oci/reference.ts';
import { createAnswerError } from './answer-error.ts';
import type { Identity } from './identity.ts';
import type { Registry, RegistryAnswer } from './registry-request.ts';
import { discardBody, discardHead, findLength, readBody } from './response-body.ts';
import type { FetchedManifest, ManifestHead, ManifestOptions } from './upstream.ts';

/** Answers to a HEAD that are not believed before a GET has said the same. */
const doubtfulHeadStatuses = new Set([400, 403, 405, 501]);

/** Which manifest, as upstream knows it, and how it is asked for. */
export interface ManifestQuestion extends ManifestOptions {
  readonly repository: string;
  readonly reference: Reference;
}

/** Free of Docker Hub's limit. One GET where HEAD is refused. */
export async function headManifest(registry: Registry, question: ManifestQuestion): Promise<ManifestHead> {
  const identity = registry.sharesLogin ? 'login' : 'anonymous';
  const answer = await ask(registry, 'HEAD', identity, question);
  await discardHead(answer, registry.transport);
  if (isDoubtful(answer)) {
    const fetched = requireManifest(await fetch(registry, identity, question), registry);
    const { bytes, contentType, digest, etag, provenance } = fetched;
    return { digest, mediaType: essenceOf(contentType), sizeBytes: bytes.length, etag, provenance, fetched };
  }
  const mediaType = checkManifest(answer, registry);
  return {
    digest: findDigest(answer),
    mediaType: essenceOf(mediaType),
    sizeBytes: findLength(answer.headers),
    etag: answer.headers.etag,
    provenance: answer.provenance,
    fetched: undefined,
  };
}

/** The bytes, whatever they were before. */
export async function getManifest(registry: Registry, question: ManifestQuestion): Promise<FetchedManifest> {
  return requireManifest(await findChangedManifest(registry, question, undefined), registry);
}

/**
 * Undefined when it still has this ETag. A login that only raises limits is used for what anybody may see, and
 * nothing else: the manifest is asked for by an anonymous HEAD first, so that it is public whatever the login could
 * see besides.
 */
export async function findChangedManifest(
  registry: Registry,
  question: ManifestQuestion,
  etag: string | undefined,
): Promise<FetchedManifest | undefined> {
  if (registry.sharesLogin) return await fetch(registry, 'login', question, etag);
  if (!registry.hasLogin) return await fetch(registry, 'anonymous', question, etag);
  // Where the GET could not follow, not even the HEAD is worth it.
  const { isOptional = false } = question;
  registry.pressure.admit({ kind: 'manifest', account: 'login', isCounted: true, isOptional });
  const head = await ask(registry, 'HEAD', 'anonymous', question);
  await discardHead(head, registry.transport);
  // Refused HEADs prove nothing: then the anonymous GET has to do, at the price of the lower limit.
  if (isDoubtful(head)) return await fetch(registry, 'anonymous', question, etag);
  checkManifest(head, registry);
  try {
    const fetched = await fetch(registry, 'login', question, etag);
    return fetched && { ...fetched, provenance: head.provenance };
  } catch (error) {
    // The account may see less than everybody does: it is only there for the limit.
    if (error instanceof MirrorError && error.isFinal) return await fetch(registry, 'anonymous', question, etag);
    throw error;
  }
}

/** Harbor once left the type out. */
function isDoubtful({ status, headers }: RegistryAnswer): boolean {
  return doubtfulHeadStatuses.has(status) || (status === 200 && headers['content-type'] === undefined);
}

/** Undefined for a 304 to the ETag. */
async function fetch(
  registry: Registry,
  identity: Identity,
  question: ManifestQuestion,
  etag?: string,
): Promise<FetchedManifest | undefined> {
  const answer = await ask(registry, 'GET', identity, question, etag === undefined ? {} : { 'if-none-match': etag });
  if (answer.status === 304 && etag !== undefined) {
    await discardHead(answer, registry.transport);
    return undefined;
  }
  let contentType: string;
  try {
    contentType = checkManifest(answer, registry);
  } catch (error) {
    discardBody(answer, registry.transport);
    throw error;
  }
  const bytes = await readBody(answer, maxManifestBytes, registry.transport);
  return { bytes, contentType, digest: findDigest(answer), etag: answer.headers.etag, provenance: answer.provenance };
}

function requireManifest(fetched: FetchedManifest | undefined, { name }: Registry): FetchedManifest {
  if (fetched !== undefined) return fetched;
  throw new MirrorError({ kind: 'upstream-failed', message: `${name} sent no manifest` });
}

async function ask(
  registry: Registry,
  method: 'GET' | 'HEAD',
  identity: Identity,
  { repository, reference, isOptional }: ManifestQuestion,
  headers: Readonly<Record<string, string>> = {},
): Promise<RegistryAnswer> {
  return await registry.ask({
    method,
    kind: 'manifest',
    identity,
    repository,
    path: `manifests/${formatReference(reference)}`,
    headers: { accept: manifestAccept, ...headers },
    unknownKind: 'manifest-unknown',
    isOptional,
  });
}

/** A web page with status 200 is no manifest (captive portals, CDN error pages). */
function checkManifest(answer: RegistryAnswer, { transport }: Registry): string {
  if (answer.status !== 200) throw createAnswerError(answer, 'manifest-unknown', transport);
  const contentType = answer.headers['content-type'] ?? '';
  if (isManifestType(essenceOf(contentType))) return contentType;
  throw new MirrorError({
    kind: 'content-mismatch',
    message: `${transport.name} answered with something that is no manifest`,
  });
}

function findDigest({ headers }: RegistryAnswer): Digest | undefined {
  const digest = headers['docker-content-digest'];
  return typeof digest === 'string' && isDigest(digest) ? digest : undefined;
}
