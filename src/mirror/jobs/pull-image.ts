import type { Digest } from '../../oci/digest.ts';
import { isMirrorError, MirrorError } from '../../oci/errors.ts';
import type { ImageName } from '../../oci/image-name.ts';
import { readImageParts, type ImagePart, type IndexEntry } from '../../oci/image-parts.ts';
import { isIndexType } from '../../oci/media-type.ts';
import { formatPlatform, isOfPlatform, type Platform } from '../../oci/platform.ts';
import type { RepositoryId } from '../../oci/reference.ts';
import type { Clock } from '../../telemetry/clock.ts';
import type { Mirror } from '../mirror-api.ts';
import type { ServedManifest } from '../pull.ts';
import { forEachFew } from './few-at-a-time.ts';
import { ItemFailure, type Progress } from './job.ts';
import { patiently } from './patience.ts';
import { pullBlob } from './pull-blob.ts';
import { resolveImage } from './resolve-image.ts';
import { untilAborted } from './until-aborted.ts';

/** `all`: also what is for no platform. */
export type WantedPlatforms = 'all' | readonly Platform[];

export interface ImagePullOptions {
  readonly mirror: Mirror;
  readonly name: ImageName;
  readonly platforms: WantedPlatforms;
  /** Whether upstream is asked for the tag even while it is fresh. */
  readonly isAnew: boolean;
  readonly progress: Progress;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

const manifestsAtOnce = 3;
const blobsAtOnce = 3;
/** An index of indexes of indexes, and no deeper. */
const maxDepth = 3;
const maxManifests = 1000;

/**
 * Brings an image into the store: its index, the manifests of the wanted platforms, what these list. Resolves when all
 * of it is content. @throws ItemFailure, MirrorError
 */
export async function pullImage(options: ImagePullOptions): Promise<void> {
  const { mirror, name, isAnew, signal } = options;
  const resolve = async () => await resolveImage(mirror, name, { isAnew, signal });
  const { served, doubt } = await patiently(resolve, options);
  const image = new ImagePull(options);
  await image.follow(served, 1);
  await image.pullBlobs();
  await image.requireKept();
  if (doubt !== undefined) {
    throw new ItemFailure(`what is here of it is complete, but whether the tag has moved is not known: ${doubt}`);
  }
}

class ImagePull {
  readonly #options: ImagePullOptions;
  readonly #repository: RepositoryId;
  readonly #manifests = new Set<Digest>();
  readonly #blobs = new Map<Digest, ImagePart>();
  readonly #missing = new Set<string>();
  readonly #present = new Set<string>();

  constructor(options: ImagePullOptions) {
    const { upstream, repository } = options.name;
    this.#options = options;
    this.#repository = { upstream, repository };
  }

  /** Books a manifest, and follows it to all that is wanted of what it lists. */
  async follow({ digest, mediaType, bytes, outcome }: ServedManifest, depth: number): Promise<void> {
    if (bytes === undefined) throw new Error('the mirror gave a manifest without its bytes');
    if (this.#manifests.has(digest)) return;
    this.#manifests.add(digest);
    if (this.#manifests.size > maxManifests || depth > maxDepth) {
      throw new ItemFailure(`an image of more than ${maxManifests} manifests, or of indexes in indexes in indexes`);
    }
    const { progress } = this.#options;
    progress.expect(1, bytes.length);
    const object = progress.begin(bytes.length);
    if (outcome === 'miss') object.fetched(bytes.length);
    object.done();
    const { manifests, blobs } = readImageParts(bytes, mediaType);
    for (const part of blobs) this.#expect(part);
    await forEachFew(this.#choose(manifests), manifestsAtOnce, async (entry) => {
      await this.follow(await this.#get(entry), depth + 1);
    });
  }

  #expect(part: ImagePart): void {
    if (this.#blobs.has(part.digest)) return;
    this.#blobs.set(part.digest, part);
    this.#options.progress.expect(1, part.sizeBytes);
  }

  /** Indexes in an index are followed whatever they are said to be for; what is for nobody in particular is wanted too. */
  #choose(entries: readonly IndexEntry[]): readonly IndexEntry[] {
    const { platforms } = this.#options;
    if (platforms === 'all') return entries;
    for (const { platform, isAttestation } of entries) {
      if (platform !== undefined && !isAttestation) this.#present.add(formatPlatform(platform));
    }
    const chosen = entries.filter(
      ({ platform, isAttestation, mediaType }) =>
        !isAttestation &&
        (platform === undefined ||
          isIndexType(mediaType) ||
          platforms.some((wanted) => isOfPlatform(platform, wanted))),
    );
    for (const wanted of platforms) {
      const isThere = chosen.some(({ platform }) => platform === undefined || isOfPlatform(platform, wanted));
      if (entries.length > 0 && !isThere) this.#missing.add(formatPlatform(wanted));
    }
    return chosen;
  }

  async #get({ digest }: IndexEntry): Promise<ServedManifest> {
    const { mirror, signal } = this.#options;
    const reference = { type: 'digest', digest } as const;
    const get = async () => await mirror.getManifest({ ...this.#repository, reference }, signal);
    return await about(digest, untilAborted(patiently(get, this.#options), signal));
  }

  /** What is here already is not touched. Nobody waits for the store before the next one is asked for. */
  async pullBlobs(): Promise<void> {
    const commits: Promise<void>[] = [];
    try {
      await forEachFew([...this.#blobs.values()], blobsAtOnce, async (part) => {
        await about(part.digest, this.#pullBlob(part, commits));
      });
    } finally {
      await Promise.all(commits);
    }
  }

  async #pullBlob(part: ImagePart, commits: Promise<void>[]): Promise<void> {
    const { mirror, progress, signal } = this.#options;
    signal.throwIfAborted();
    const { digest, isForeign, sizeBytes } = part;
    const pull = { ...this.#repository, digest };
    const object = progress.begin(sizeBytes);
    try {
      const fetch = async () => await pullBlob(mirror, pull, { signal, onBytes: object.fetched });
      if (!(await mirror.hasContent(pull))) await patiently(fetch, this.#options);
    } catch (error) {
      if (!isForeign || !isMirrorError(error, 'blob-unknown')) throw error;
      // Clients get it from where its `urls` say, or have it.
      object.leftOut();
      this.#blobs.delete(digest);
      return;
    }
    commits.push(mirror.whenKept(digest).then(() => object.done()));
  }

  /** Everything is in the store at the same time, and every platform was there. @throws ItemFailure */
  async requireKept(): Promise<void> {
    const { mirror, signal } = this.#options;
    const onFile = [...this.#manifests].map((digest) => mirror.whenKept(digest));
    await untilAborted(Promise.all(onFile), signal);
    const digests = [...this.#manifests, ...this.#blobs.keys()];
    let lost = 0;
    await forEachFew(digests, blobsAtOnce, async (digest) => {
      if (!(await mirror.hasContent({ ...this.#repository, digest }))) lost += 1;
    });
    if (lost > 0) throw new ItemFailure(`the cache has no room for ${lost} of ${digests.length} objects of the image`);
    if (this.#missing.size === 0) return;
    const [missing, present] = [[...this.#missing].join(', '), [...this.#present].join(', ')];
    throw new ItemFailure(`the image has nothing for ${missing}; it has ${present === '' ? 'no platforms' : present}`);
  }
}

/** Says of which object a failure is. */
async function about<Value>(digest: Digest, act: Promise<Value>): Promise<Value> {
  try {
    return await act;
  } catch (error) {
    if (!isMirrorError(error)) throw error;
    const { kind, message } = error;
    throw new MirrorError({ kind, message: `${digest}: ${message}`, cause: error });
  }
}
