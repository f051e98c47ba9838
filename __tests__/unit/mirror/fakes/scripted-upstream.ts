import type { Digest } from '../../../../src/oci/digest.ts';
import { MirrorError } from '../../../../src/oci/errors.ts';
import { formatReference, type Reference } from '../../../../src/oci/reference.ts';
import type {
  BlobHead,
  BlobStream,
  FetchedManifest,
  ManifestHead,
  ManifestOptions,
  OpenBlobOptions,
  ReferrersList,
  TagList,
  TagPage,
  Upstream,
} from '../../../../src/upstream/upstream.ts';
import { ScriptedBlobUpstream } from './scripted-blob-upstream.ts';
import { fetched, type TestManifest } from './test-manifests.ts';

type Answer<Value> = Value | MirrorError;

/**
 * An upstream that answers what the test has put in, at once or when it is let go, and writes down what it was asked:
 * `HEAD library/a:latest`, `GET library/a@sha256:…`, `HEAD blob library/a`, `TAGS library/a after x`, `REFERRERS library/a`.
 */
export class ScriptedUpstream implements Upstream {
  readonly name: string;
  readonly sharesCredentials: boolean = true;
  readonly hasLogin = false;
  readonly account: string | undefined = undefined;
  readonly asked: string[] = [];
  /** Those of them that the cache could do without. */
  readonly optional: string[] = [];
  /** What each pull had come through. */
  readonly hops: (readonly string[])[] = [];
  /** What everything is answered with, while it is set. */
  failure: MirrorError | undefined;
  /** By `library/a:latest` and `library/a@sha256:…`; what is not here is unknown. */
  readonly manifests = new Map<string, Answer<FetchedManifest>>();
  /** Answers to HEAD that differ from what a GET would show. */
  readonly heads = new Map<string, Answer<ManifestHead>>();
  /** Answers to a HEAD of any blob, by repository. */
  readonly blobHeads = new Map<string, Answer<BlobHead>>();
  /** Pages of every tag list, by the `last` that leads to them. */
  readonly tagPages = new Map<string | undefined, TagList>();
  /** What the referrers API says; undefined when there is none. */
  referrers: Answer<ReferrersList> | undefined;
  readonly blobs: ScriptedBlobUpstream;
  readonly #held = new Map<string, Promise<void>>();

  constructor(name = 'docker.io') {
    this.name = name;
    this.blobs = new ScriptedBlobUpstream(name);
  }

  /** Gives the manifest by its digest and, where one is named, by a tag. */
  publish(manifest: TestManifest, options: PublishOptions = {}): void {
    const { repository = 'library/a', tag, ...differing } = options;
    const answer = fetched(manifest, differing);
    this.manifests.set(`${repository}@${manifest.digest}`, answer);
    if (tag !== undefined) this.manifests.set(`${repository}:${tag}`, answer);
  }

  /** Requests that begin with `prefix` are answered as things stood when they came, but not before the result is called. */
  hold(prefix: string): () => void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#held.set(prefix, promise);
    return () => {
      this.#held.delete(prefix);
      resolve();
    };
  }

  async headManifest(repository: string, reference: Reference, options?: ManifestOptions): Promise<ManifestHead> {
    const name = nameOf(repository, reference);
    if (options?.isOptional === true) this.optional.push(`HEAD ${name}`);
    return await this.#answer(`HEAD ${name}`, this.heads.get(name) ?? headOf(this.#manifest(name)));
  }

  async getManifest(repository: string, reference: Reference, options?: ManifestOptions): Promise<FetchedManifest> {
    const name = nameOf(repository, reference);
    if (options?.isOptional === true) this.optional.push(`GET ${name}`);
    return await this.#answer(`GET ${name}`, this.#manifest(name));
  }

  async findChangedManifest(
    repository: string,
    reference: Reference,
    etag: string,
  ): Promise<FetchedManifest | undefined> {
    const name = nameOf(repository, reference);
    const manifest = await this.#answer(`GET ${name} unless ${etag}`, this.#manifest(name));
    return manifest.etag === etag ? undefined : manifest;
  }

  async headBlob(repository: string): Promise<BlobHead> {
    const answer = this.blobHeads.get(repository) ?? unknown('blob-unknown');
    return await this.#answer(`HEAD blob ${repository}`, answer);
  }

  async openBlob(repository: string, digest: Digest, options?: OpenBlobOptions): Promise<BlobStream> {
    await this.#answer(`GET blob ${repository}`, undefined);
    return await this.blobs.openBlob(repository, digest, options);
  }

  async listTags(repository: string, { last }: TagPage): Promise<TagList> {
    const request = last === undefined ? `TAGS ${repository}` : `TAGS ${repository} after ${last}`;
    return await this.#answer(request, this.tagPages.get(last) ?? unknown('manifest-unknown'));
  }

  async listReferrers(repository: string): Promise<ReferrersList | undefined> {
    return await this.#answer(`REFERRERS ${repository}`, this.referrers);
  }

  through(hops: readonly string[]): Upstream {
    this.hops.push(hops);
    return this;
  }

  as(): Upstream {
    throw new Error('not asked for in these tests');
  }

  async close(): Promise<void> {
    await Promise.resolve();
  }

  #manifest(name: string): Answer<FetchedManifest> {
    return this.manifests.get(name) ?? unknown('manifest-unknown');
  }

  async #answer<Value>(request: string, scripted: Answer<Value>): Promise<Value> {
    this.asked.push(request);
    const answer = this.failure ?? scripted;
    for (const [prefix, held] of this.#held) if (request.startsWith(prefix)) await held;
    if (answer instanceof MirrorError) throw answer;
    return answer;
  }
}

interface PublishOptions extends Partial<FetchedManifest> {
  readonly repository?: string;
  readonly tag?: string;
}

function nameOf(repository: string, reference: Reference): string {
  return `${repository}${reference.type === 'tag' ? ':' : '@'}${formatReference(reference)}`;
}

function headOf(answer: Answer<FetchedManifest>): Answer<ManifestHead> {
  if (answer instanceof MirrorError) return answer;
  const { bytes, contentType, digest, etag, provenance } = answer;
  return { digest, mediaType: contentType, sizeBytes: bytes.length, etag, provenance, fetched: undefined };
}

/** A HEAD that says there is something, but not what. */
export const silentHead: ManifestHead = {
  digest: undefined,
  mediaType: undefined,
  sizeBytes: undefined,
  etag: undefined,
  provenance: 'public',
  fetched: undefined,
};

/** Upstream's 404: final, attested, and in words of its own. */
export function absent(kind: 'blob-unknown' | 'manifest-unknown'): MirrorError {
  return new MirrorError({ kind, message: 'unknown to docker.io', isFinal: true, isAbsence: true });
}

/** What a refusal to anybody looks like: final, but it attests nothing. */
export function unknown(kind: 'blob-unknown' | 'manifest-unknown'): MirrorError {
  return new MirrorError({ kind, message: 'unknown to docker.io', isFinal: true });
}

/** Upstream's "no" to the mirror's login. */
export function denied(): MirrorError {
  return new MirrorError({ kind: 'upstream-denied', message: 'docker.io denies access', isFinal: true });
}
