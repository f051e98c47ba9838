// What the scripted registry holds, and how it would answer if nothing were scripted.
import { createContent, type Content } from './content.ts';
import type { RecordedRequest } from './raw-server.ts';
import type { PlainAnswer } from './send-answer.ts';

export const ociManifestType = 'application/vnd.oci.image.manifest.v1+json';
export const ociIndexType = 'application/vnd.oci.image.index.v1+json';
export const dockerManifestType = 'application/vnd.docker.distribution.manifest.v2+json';
export const dockerListType = 'application/vnd.docker.distribution.manifest.list.v2+json';

export interface AddedManifest {
  readonly digest: string;
  readonly bytes: Buffer;
  readonly mediaType: string;
}

export interface AddedImage extends AddedManifest {
  readonly config: Content;
  readonly layers: readonly Content[];
}

interface StoredManifest {
  readonly content: Content;
  readonly mediaType: string;
}

interface Repository {
  readonly blobs: Map<string, Content>;
  readonly manifests: Map<string, StoredManifest>;
  readonly tags: Map<string, string>;
  readonly referrers: Map<string, object[]>;
}

export interface RegistryContent {
  addBlob(repository: string, content: Content | Uint8Array | string): Content;
  removeBlob(repository: string, digest: string): void;
  /** Bytes are sent exactly as given. */
  addManifest(repository: string, body: string | Uint8Array | object, options?: ManifestOptions): AddedManifest;
  removeManifest(repository: string, digest: string): void;
  /** An OCI image of these layers, tagged when `tag` is given. */
  addImage(repository: string, tag: string | undefined, layers: readonly (Content | Uint8Array | string)[]): AddedImage;
  setTag(repository: string, tag: string, digest: string): void;
  removeTag(repository: string, tag: string): void;
  /** Lets the referrers API show these descriptors. */
  addReferrers(repository: string, subject: string, descriptors: readonly object[]): void;
  /** Whether the referrers API exists here (404 otherwise). Default true. */
  hasReferrersApi: boolean;
  /** Whether a Range is answered with 206. Default true. */
  supportsRange: boolean;
  /** Whether manifest answers carry Docker-Content-Digest. Default true. */
  sendsDigest: boolean;
  findBlob(repository: string, digest: string): Content | undefined;
  /** The plain answer to a request for /v2 and below. */
  answer(request: RecordedRequest): PlainAnswer;
}

export interface ManifestOptions {
  readonly tag?: string;
  readonly mediaType?: string;
  readonly algorithm?: 'sha256' | 'sha512';
}

export function createRegistryContent(): RegistryContent {
  const repositories = new Map<string, Repository>();
  const repositoryOf = (name: string): Repository => {
    const known = repositories.get(name);
    if (known !== undefined) return known;
    const made = { blobs: new Map(), manifests: new Map(), tags: new Map(), referrers: new Map() };
    repositories.set(name, made);
    return made;
  };
  const content: RegistryContent = {
    hasReferrersApi: true,
    supportsRange: true,
    sendsDigest: true,
    addBlob(repository, bytes) {
      const blob = toContent(bytes);
      repositoryOf(repository).blobs.set(blob.digest, blob);
      return blob;
    },
    removeBlob: (repository, digest) => void repositoryOf(repository).blobs.delete(digest),
    addManifest(repository, body, { tag, mediaType = ociManifestType, algorithm } = {}) {
      const text = typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body);
      const stored = createContent(text, algorithm);
      const { manifests, tags } = repositoryOf(repository);
      manifests.set(stored.digest, { content: stored, mediaType });
      if (tag !== undefined) tags.set(tag, stored.digest);
      return { digest: stored.digest, bytes: stored.read(0, stored.sizeBytes), mediaType };
    },
    removeManifest: (repository, digest) => void repositoryOf(repository).manifests.delete(digest),
    addImage(repository, tag, layers) {
      const blobs = layers.map((layer) => content.addBlob(repository, layer));
      const config = content.addBlob(
        repository,
        JSON.stringify({
          architecture: 'amd64',
          os: 'linux',
          rootfs: { type: 'layers', diff_ids: blobs.map((b) => b.digest) },
        }),
      );
      const manifest = content.addManifest(repository, imageManifest(config, blobs), tag === undefined ? {} : { tag });
      return { ...manifest, config, layers: blobs };
    },
    setTag: (repository, tag, digest) => void repositoryOf(repository).tags.set(tag, digest),
    removeTag: (repository, tag) => void repositoryOf(repository).tags.delete(tag),
    addReferrers(repository, subject, descriptors) {
      const { referrers } = repositoryOf(repository);
      referrers.set(subject, [...(referrers.get(subject) ?? []), ...descriptors]);
    },
    findBlob: (repository, digest) => repositories.get(repository)?.blobs.get(digest),
    answer: (request) => answerRequest(content, repositories, request),
  };
  return content;
}

function toContent(bytes: Content | Uint8Array | string): Content {
  return typeof bytes === 'string' || bytes instanceof Uint8Array ? createContent(bytes) : bytes;
}

/** An OCI image manifest of these parts. */
export function imageManifest(config: Content, layers: readonly Content[]): object {
  return {
    schemaVersion: 2,
    mediaType: ociManifestType,
    config: { mediaType: 'application/vnd.oci.image.config.v1+json', digest: config.digest, size: config.sizeBytes },
    layers: layers.map((layer) => ({
      mediaType: 'application/vnd.oci.image.layer.v1.tar',
      digest: layer.digest,
      size: layer.sizeBytes,
    })),
  };
}

const route = /^\/v2\/(.+)\/(manifests|blobs|referrers|tags)\/([^/]+)$/;

/** The repository that a request target names, if it names one. */
export function repositoryOfTarget(target: string): string | undefined {
  return route.exec(target.split('?', 1)[0] ?? '')?.[1];
}

function answerRequest(
  content: RegistryContent,
  repositories: ReadonlyMap<string, Repository>,
  request: RecordedRequest,
): PlainAnswer {
  const [path = '', query = ''] = request.target.split('?');
  if (path === '/v2/') return json(200, '{}');
  const [, name = '', kind = '', reference = ''] = route.exec(path) ?? [];
  const repository = repositories.get(name);
  if (repository === undefined) return json(404, errorBody('NAME_UNKNOWN'));
  if (kind === 'manifests') return answerManifest(repository, decodeURIComponent(reference), content.sendsDigest);
  if (kind === 'blobs') {
    const blob = repository.blobs.get(decodeURIComponent(reference));
    return blob === undefined ? json(404, errorBody('BLOB_UNKNOWN')) : answerBlob(blob, request, content.supportsRange);
  }
  if (kind === 'tags') return answerTags(name, repository, new URLSearchParams(query));
  if (!content.hasReferrersApi) return json(404, '404 page not found', 'text/plain');
  const manifests = repository.referrers.get(decodeURIComponent(reference)) ?? [];
  return json(200, JSON.stringify({ schemaVersion: 2, mediaType: ociIndexType, manifests }), ociIndexType);
}

function answerManifest(repository: Repository, reference: string, sendsDigest: boolean): PlainAnswer {
  const digest = reference.includes(':') ? reference : repository.tags.get(reference);
  const manifest = digest === undefined ? undefined : repository.manifests.get(digest);
  if (manifest === undefined) return json(404, errorBody('MANIFEST_UNKNOWN'));
  const named = sendsDigest ? { 'docker-content-digest': manifest.content.digest } : {};
  const headers = { 'content-type': manifest.mediaType, etag: `"${manifest.content.digest}"`, ...named };
  return { status: 200, headers, content: manifest.content };
}

/** The whole, or exactly the range asked for. One range only; anything else is answered with the whole. */
export function answerBlob(blob: Content, request: RecordedRequest, supportsRange: boolean): PlainAnswer {
  const headers = {
    'content-type': 'application/octet-stream',
    'docker-content-digest': blob.digest,
    ...(supportsRange ? { 'accept-ranges': 'bytes' } : {}),
  };
  const [, first = '', last = ''] = /^bytes=(\d*)-(\d*)$/.exec(request.headers['range'] ?? '') ?? [];
  if (!supportsRange || first + last === '' || request.method !== 'GET') return { status: 200, headers, content: blob };
  const start = first === '' ? Math.max(0, blob.sizeBytes - Number(last)) : Number(first);
  const end = first === '' || last === '' ? blob.sizeBytes : Math.min(blob.sizeBytes, Number(last) + 1);
  if (start >= blob.sizeBytes || start >= end) {
    return { status: 416, headers: { 'content-range': `bytes */${blob.sizeBytes}` }, content: createContent('') };
  }
  const contentRange = `bytes ${start}-${end - 1}/${blob.sizeBytes}`;
  return { status: 206, headers: { ...headers, 'content-range': contentRange }, content: blob, span: { start, end } };
}

function answerTags(name: string, repository: Repository, query: URLSearchParams): PlainAnswer {
  const all = [...repository.tags.keys()].toSorted();
  const last = query.get('last');
  const later = last === null ? all : all.filter((tag) => tag > last);
  const n = query.get('n') === null ? later.length : Number(query.get('n'));
  const tags = later.slice(0, n);
  const answer = json(200, JSON.stringify({ name, tags }));
  if (tags.length === later.length || tags.length === 0) return answer;
  const link = `</v2/${name}/tags/list?n=${n}&last=${tags.at(-1)}>; rel="next"`;
  return { ...answer, headers: { ...answer.headers, link } };
}

export function errorBody(code: string): string {
  return JSON.stringify({ errors: [{ code, message: 'text of the scripted upstream' }] });
}

export function json(status: number, body: string, type = 'application/json'): PlainAnswer {
  return { status, headers: { 'content-type': type }, content: createContent(body) };
}
