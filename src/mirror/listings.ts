import { isMirrorError, MirrorError } from '../oci/errors.ts';
import { isRecord } from '../oci/json.ts';
import { essenceOf, mediaTypes } from '../oci/media-type.ts';
import { referrersTag } from '../oci/reference.ts';
import type { Digest } from '../oci/digest.ts';
import type { Recent } from '../store/recent.ts';
import type { Clock } from '../telemetry/clock.ts';
import type { FetchedManifest, TagPage } from '../upstream/upstream.ts';
import { hideDenial, manifestUnknown } from './absent.ts';
import { audienceOf, type Door } from './door.ts';
import type { FreshnessLimits } from './freshness.ts';
import type { Outcome, ServedReferrers, ServedTags } from './pull.ts';
import { SingleFlight } from './single-flight.ts';

/** How long an old list is kept for outages. */
const keepMs = 24 * 60 * 60 * 1000;
const maxPages = 100;
/** Of all pages of one list together, as they lie in memory: some 200,000 tags of the greatest length, three times as many usual ones. */
const maxTagsBytes = 32 * 1024 * 1024;
/** What a tag costs beside its characters. */
const bytesBesideTag = 16;

export interface ListingsOptions {
  readonly recent: Recent;
  readonly clock: Clock;
  limitsOf(upstream: string): FreshnessLimits;
}

interface Listed<Value> {
  readonly value: Value;
  readonly checkedMs: number;
}

interface Referrers {
  readonly manifests: readonly unknown[];
  /** The whole index as upstream wrote it, when it came in one piece. */
  readonly bytes: Uint8Array | undefined;
  readonly isComplete: boolean;
  /** Upstream has neither the API nor the fallback tag; signatures appear minutes after images. */
  readonly isAbsent: boolean;
}

const noReferrers: Referrers = { manifests: [], bytes: undefined, isComplete: true, isAbsent: true };

/** Lists that belong to upstream: fetched whole, kept for a minute, and stale in an outage. */
export class Listings {
  readonly #options: ListingsOptions;
  readonly #fetches = new SingleFlight<unknown>();

  constructor(options: ListingsOptions) {
    this.#options = options;
  }

  async tags(door: Door, page: TagPage): Promise<ServedTags> {
    const listed = await this.#find('tags', door, '', async () => await this.#fetchTags(door));
    return { outcome: listed.outcome, ...cutTagPage(listed.value, page), warning: listed.warning };
  }

  async referrers(door: Door, digest: Digest, artifactType: string | undefined): Promise<ServedReferrers> {
    const { value, outcome, warning } = await this.#find(
      'referrers',
      door,
      digest,
      async () => await this.#fetchReferrers(door, digest),
    );
    // Part of a list must not look like the answer to a filter.
    const isFiltered = artifactType !== undefined && value.isComplete;
    const manifests = isFiltered
      ? value.manifests.filter((entry) => isRecord(entry) && entry['artifactType'] === artifactType)
      : value.manifests;
    const bytes = !isFiltered && value.bytes !== undefined ? value.bytes : indexOf(manifests);
    return { outcome, bytes, isFiltered, warning };
  }

  async #find<Value>(
    kind: 'tags' | 'referrers',
    door: Door,
    subject: string,
    fetch: () => Promise<Value>,
  ): Promise<{ value: Value; outcome: Outcome; warning: string | undefined }> {
    const { recent, clock } = this.#options;
    const { listTtlMs, negativeTtlMs } = this.#options.limitsOf(door.upstream.name);
    const key = [kind, door.upstream.name, door.repository, subject];
    const text = JSON.stringify(key);
    const known = (await recent.find(text)) as Listed<Value> | undefined;
    const ttlMs = known !== undefined && isAbsent(known.value) ? negativeTtlMs : listTtlMs;
    if (known !== undefined && clock.monotonicMs() - known.checkedMs < ttlMs) {
      return { value: known.value, outcome: 'hit', warning: undefined };
    }
    try {
      const value = (await this.#fetches.run([...key, audienceOf(door)], fetch)) as Value;
      // Not waited for: a cache that hangs holds up nobody.
      void recent.set(text, { value, checkedMs: clock.monotonicMs() } satisfies Listed<Value>, keepMs);
      return { value, outcome: 'miss', warning: undefined };
    } catch (error) {
      if (isMirrorError(error, 'manifest-unknown', 'blob-unknown', 'upstream-denied')) {
        if (!error.isDenial || audienceOf(door) === 'anybody') void recent.remove(text);
      } else if (known !== undefined && !isAbsent(known.value)) {
        return { value: known.value, outcome: 'stale', warning: 'the upstream cannot be asked; the list may be old' };
      }
      throw hideDenial(error, manifestUnknown);
    }
  }

  async #fetchTags(door: Door): Promise<readonly string[]> {
    const tags: string[] = [];
    let sizeBytes = 0;
    let page: TagPage | undefined = { n: undefined, last: undefined };
    for (let pages = 0; page !== undefined; pages++) {
      if (pages === maxPages) {
        throw new MirrorError({ kind: 'upstream-failed', message: 'the list of tags has more than 100 pages' });
      }
      const list: Awaited<ReturnType<Door['upstream']['listTags']>> = await door.upstream.listTags(
        door.repository,
        page,
      );
      for (const tag of list.tags) {
        sizeBytes += tag.length + bytesBesideTag;
        tags.push(tag);
      }
      if (sizeBytes > maxTagsBytes) {
        throw new MirrorError({ kind: 'upstream-failed', message: 'the list of tags is too long to be kept' });
      }
      page = list.next;
    }
    // Not every registry sorts as the spec demands, and `last` means nothing in a list that is not sorted.
    return [...new Set(tags)].toSorted(compareBytewise);
  }

  /** The API, else the fallback tag; an empty list only when upstream itself has said of both that they are not there. */
  async #fetchReferrers(door: Door, digest: Digest): Promise<Referrers> {
    const list = await door.upstream.listReferrers(door.repository, digest);
    if (list !== undefined) return { ...list, isAbsent: false };
    try {
      const tag = referrersTag(digest);
      return parseFallback(await door.upstream.getManifest(door.repository, { type: 'tag', tag }));
    } catch (error) {
      if (isMirrorError(error, 'manifest-unknown')) return noReferrers;
      throw error;
    }
  }
}

function isAbsent(value: unknown): boolean {
  return isRecord(value) && value['isAbsent'] === true;
}

/** Tags are ASCII, so code units are bytes. */
function compareBytewise(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}

/** GitLab answers such a tag with the image itself: only an index that lists referrers counts. */
function parseFallback({ bytes, contentType }: FetchedManifest): Referrers {
  if (essenceOf(contentType) !== mediaTypes.ociIndex) return noReferrers;
  let index: unknown;
  try {
    index = JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch (error) {
    throw new MirrorError({
      kind: 'content-mismatch',
      message: 'the list of referrers is not valid JSON',
      cause: error,
    });
  }
  if (!isRecord(index) || !Array.isArray(index['manifests'])) return noReferrers;
  const manifests: readonly unknown[] = index['manifests'];
  if (manifests.some((entry) => isRecord(entry) && entry['platform'] !== undefined)) return noReferrers;
  return { manifests, bytes, isComplete: true, isAbsent: false };
}

function indexOf(manifests: readonly unknown[]): Uint8Array {
  return Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests }));
}

/** The page of a whole list, which is in order. */
export function cutTagPage(all: readonly string[], { n, last: start }: TagPage): Pick<ServedTags, 'tags' | 'next'> {
  const after = start === undefined ? all : all.filter((tag) => tag > start);
  const tags = n === undefined ? after : after.slice(0, n);
  const last = tags.at(-1);
  return { tags, next: n !== undefined && last !== undefined && tags.length < after.length ? { n, last } : undefined };
}
