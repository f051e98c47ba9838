import { computeDigest, type Digest } from '../oci/digest.ts';
import { isMirrorError } from '../oci/errors.ts';
import type { Catalog, TagRecord } from '../store/catalog.ts';
import type { FetchedManifest } from '../upstream/upstream.ts';
import { manifestUnknown } from './absent.ts';
import { audienceOf, repositoryOf, type Door } from './door.ts';
import type { ManifestPulls } from './manifest-pulls.ts';
import type { Misses } from './misses.ts';
import { PendingTags } from './pending-tags.ts';
import { SingleFlight } from './single-flight.ts';
import type { TagAges } from './tag-ages.ts';
import type { Verdict } from './verdict.ts';

/** What is known of a tag that is asked about. */
export interface KnownTag {
  readonly row: TagRecord;
  /** The old manifest will do where asking would use up what is left of upstream's limit. */
  readonly isStaleAllowed: boolean;
}

/** For how many tags the last verdict's order is remembered. */
const maxOrders = 10_000;

export interface TagChecksOptions {
  readonly catalog: Catalog;
  readonly manifests: ManifestPulls;
  readonly misses: Misses;
  readonly ages: TagAges;
}

/** Asks upstream what tags are, once however many clients wait, and keeps the rows: they follow the latest verdict. */
export class TagChecks {
  readonly #options: TagChecksOptions;
  readonly #asking = new SingleFlight<Verdict>();
  readonly #pending = new PendingTags();
  readonly #lastOrders = new Map<string, number>();
  #order = 0;

  constructor(options: TagChecksOptions) {
    this.#options = options;
  }

  /** @throws MirrorError `manifest-unknown`, `upstream-denied`, and then the row is gone: an outage brings it not back */
  async ask(door: Door, tag: string, known: KnownTag | undefined): Promise<Verdict> {
    return await this.#asking.run([door.upstream.name, door.repository, audienceOf(door), tag], async () => {
      const order = ++this.#order;
      const { ages, catalog, misses } = this.#options;
      const time = ages.now();
      try {
        return { order, time, ...(await this.#ask(door, tag, known)) };
      } catch (error) {
        const isDenial = isMirrorError(error) && error.isDenial;
        const isDenied = isMirrorError(error, 'upstream-denied');
        if (!isDenied && !isMirrorError(error, 'manifest-unknown', 'blob-unknown')) throw error;
        misses.remember(door, 'manifest', tag, error);
        // That one caller is sent away says nothing of the tag.
        const isOfCaller = isDenial && audienceOf(door) === 'callers';
        if (!isOfCaller && this.#isLatest(door, tag, order)) void catalog.removeTag(repositoryOf(door), tag);
        if (isDenied) throw error;
        throw manifestUnknown(isDenial);
      }
    });
  }

  /** The manifest has been fetched: if it is in the store, the row may name it. A tag never names what cannot be served. */
  confirm(door: Door, tag: string, { order, time, digest, etag }: Verdict): void {
    const { catalog, ages } = this.#options;
    if (catalog.findStored(digest)?.mediaType === undefined || !this.#isLatest(door, tag, order)) return;
    ages.confirm(door, tag, time);
    void catalog.setTag(repositoryOf(door), tag, { digest, checkedMs: time.wallMs, etag });
  }

  /** Whether the manifest that a row names is in the store. */
  isHere(row: TagRecord): boolean {
    return this.#options.catalog.findStored(row.digest)?.mediaType !== undefined;
  }

  /** The client of a HEAD will ask for the digest next: then the tag is known too. */
  expect(door: Door, tag: string, verdict: Verdict): void {
    this.#pending.add(door, tag, verdict);
    this.#options.misses.forget(door, 'manifest', verdict.digest);
  }

  /** A manifest has come into the store. */
  onManifest(door: Door, digest: Digest): void {
    for (const { tag, verdict } of this.#pending.take(door, digest)) this.confirm(door, tag, verdict);
  }

  async #ask(
    door: Door,
    tag: string,
    known: KnownTag | undefined,
  ): Promise<Pick<Verdict, 'digest' | 'head' | 'etag' | 'manifest'>> {
    const { row, isStaleAllowed: isOptional } = known ?? { row: undefined, isStaleAllowed: false };
    const head = await door.upstream.headManifest(door.repository, { type: 'tag', tag }, { isOptional });
    if (head.digest !== undefined && head.fetched === undefined) {
      return { digest: head.digest, head, etag: head.etag, manifest: undefined };
    }
    const fetched = head.fetched ?? (await this.#fetchChanged(door, tag, known));
    if (fetched === undefined && row !== undefined) {
      return { digest: row.digest, head, etag: row.etag, manifest: undefined };
    }
    if (fetched === undefined) throw new Error('nothing can have changed where nothing was known');
    // What the header says must be true of the bytes; without one, the bytes say what they are.
    const digest = fetched.digest ?? computeDigest('sha256', fetched.bytes);
    return { digest, head, etag: fetched.etag, manifest: await this.#options.manifests.keep(door, digest, fetched) };
  }

  /** After a HEAD that names no digest. Undefined when upstream says that what the row names has not changed. */
  async #fetchChanged(door: Door, tag: string, known: KnownTag | undefined): Promise<FetchedManifest | undefined> {
    const { upstream, repository } = door;
    const reference = { type: 'tag', tag } as const;
    const { row, isStaleAllowed: isOptional } = known ?? { row: undefined, isStaleAllowed: false };
    const etag = row !== undefined && this.isHere(row) ? row.etag : undefined;
    if (etag === undefined) return await upstream.getManifest(repository, reference, { isOptional });
    return await upstream.findChangedManifest(repository, reference, etag, { isOptional });
  }

  #isLatest(door: Door, tag: string, order: number): boolean {
    const key = JSON.stringify([door.upstream.name, door.repository, tag]);
    if (order < (this.#lastOrders.get(key) ?? 0)) return false;
    this.#lastOrders.delete(key);
    this.#lastOrders.set(key, order);
    for (const oldest of this.#lastOrders.keys()) {
      if (this.#lastOrders.size <= maxOrders) break;
      this.#lastOrders.delete(oldest);
    }
    return true;
  }
}
