import { computeDigest, type Digest } from '../oci/digest.ts';
import { isMirrorError } from '../oci/errors.ts';
import type { Catalog } from '../store/catalog.ts';
import type { Clock } from '../telemetry/clock.ts';
import { manifestUnknown } from './absent.ts';
import { repositoryOf, type Door } from './door.ts';
import type { ManifestPulls } from './manifest-pulls.ts';
import { PendingTags } from './pending-tags.ts';
import { SingleFlight } from './single-flight.ts';
import type { Verdict } from './verdict.ts';

/** For how many tags the last verdict's order is remembered. */
const maxOrders = 10_000;

export interface TagChecksOptions {
  readonly catalog: Catalog;
  readonly manifests: ManifestPulls;
  readonly clock: Clock;
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

  /** @throws MirrorError `manifest-unknown`, and then the row is gone */
  async ask(door: Door, tag: string): Promise<Verdict> {
    return await this.#asking.run([door.upstream.name, door.repository, tag], async () => {
      const order = ++this.#order;
      const checkedMs = this.#options.clock.wallMs();
      try {
        return { order, checkedMs, ...(await this.#ask(door, tag)) };
      } catch (error) {
        if (!isMirrorError(error, 'manifest-unknown', 'blob-unknown')) throw error;
        if (this.#isLatest(door, tag, order)) void this.#options.catalog.removeTag(repositoryOf(door), tag);
        throw manifestUnknown();
      }
    });
  }

  /** The manifest has been fetched: if it is in the store, the row may name it. A tag never names what cannot be served. */
  confirm(door: Door, tag: string, { order, checkedMs, digest, head: { etag } }: Verdict): void {
    const { catalog } = this.#options;
    if (catalog.findContent(digest)?.mediaType === undefined || !this.#isLatest(door, tag, order)) return;
    void catalog.setTag(repositoryOf(door), tag, { digest, checkedMs, etag });
  }

  /** The client of a HEAD will ask for the digest next: then the tag is known too. */
  expect(door: Door, tag: string, verdict: Verdict): void {
    this.#pending.add(door, tag, verdict);
  }

  /** A manifest has come into the store. */
  onManifest(door: Door, digest: Digest): void {
    for (const { tag, verdict } of this.#pending.take(door, digest)) this.confirm(door, tag, verdict);
  }

  async #ask(door: Door, tag: string): Promise<Pick<Verdict, 'digest' | 'head' | 'manifest'>> {
    const reference = { type: 'tag', tag } as const;
    const head = await door.upstream.headManifest(door.repository, reference);
    if (head.digest !== undefined && head.fetched === undefined)
      return { digest: head.digest, head, manifest: undefined };
    const fetched = head.fetched ?? (await door.upstream.getManifest(door.repository, reference));
    // What the header says must be true of the bytes; without one, the bytes say what they are.
    const digest = fetched.digest ?? computeDigest('sha256', fetched.bytes);
    return { digest, head, manifest: await this.#options.manifests.keep(door, digest, fetched) };
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
