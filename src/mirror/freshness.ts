import { computeDigest, type Digest } from '../oci/digest.ts';
import { isMirrorError, MirrorError } from '../oci/errors.ts';
import type { Catalog, TagRecord } from '../store/catalog.ts';
import type { Clock } from '../telemetry/clock.ts';
import type { ManifestHead } from '../upstream/upstream.ts';
import { manifestUnknown } from './absent.ts';
import { repositoryOf, type Door } from './door.ts';
import { serveManifest, type LoadedManifest, type ManifestPulls } from './manifest-pulls.ts';
import { PendingTags } from './pending-tags.ts';
import type { Outcome, ServedManifest } from './pull.ts';
import { SingleFlight } from './single-flight.ts';

/** How long answers about tags may be used; configured per upstream. Infinity is allowed for `staleIfErrorMs`. */
export interface FreshnessLimits {
  readonly tagTtlMs: number;
  readonly staleWhileRevalidateMs: number;
  readonly staleIfErrorMs: number;
  readonly checkTimeoutMs: number;
  readonly listTtlMs: number;
}

export interface FreshnessOptions {
  readonly catalog: Catalog;
  readonly manifests: ManifestPulls;
  readonly clock: Clock;
  limitsOf(upstream: string): FreshnessLimits;
}

/** What upstream says a tag is, now; `manifest` when it had to be fetched to find out. */
interface Checked {
  readonly digest: Digest;
  readonly head: ManifestHead | undefined;
  readonly manifest: LoadedManifest | undefined;
}

/** Which digest a tag is, and when upstream has to be asked (design, section 4: rows are tried from the top). */
export class Freshness {
  readonly #options: FreshnessOptions;
  readonly #checks = new SingleFlight<Checked>();
  readonly #pending = new PendingTags();

  constructor(options: FreshnessOptions) {
    this.#options = options;
  }

  async get(door: Door, tag: string): Promise<ServedManifest> {
    const row = this.#options.catalog.findTag(repositoryOf(door), tag);
    return (row && (await this.#serveUnchecked(door, tag, row))) ?? (await this.#serveChecked(door, tag, row));
  }

  /** As `get`, but a manifest that is not here is not fetched for a HEAD that can do without. */
  async head(door: Door, tag: string): Promise<ServedManifest> {
    const row = this.#options.catalog.findTag(repositoryOf(door), tag);
    const unchecked = row && (await this.#serveUnchecked(door, tag, row));
    if (unchecked !== undefined) return unchecked;
    if (row !== undefined) return await this.#serveChecked(door, tag, row);
    const { digest, head, manifest } = await this.#check(door, tag);
    if (manifest !== undefined) return serveManifest(manifest, 'miss', { ageMs: 0, warning: undefined });
    this.#pending.add(door, digest, { tag, checkedMs: this.#options.clock.wallMs(), etag: head?.etag });
    const served = await this.#options.manifests.head(door, digest);
    // It may have been here all along, by way of another tag.
    if (served.bytes !== undefined) this.onManifest(door, digest);
    return { ...served, outcome: 'miss', ageMs: 0 };
  }

  /** A manifest has come into the store: tags that were seen to name it by a HEAD are now known for good. */
  onManifest(door: Door, digest: Digest): void {
    for (const { tag, checkedMs, etag } of this.#pending.take(door, digest)) {
      void this.#options.catalog.setTag(repositoryOf(door), tag, { digest, checkedMs, etag });
    }
  }

  async #serveUnchecked(door: Door, tag: string, row: TagRecord): Promise<ServedManifest | undefined> {
    const limits = this.#options.limitsOf(door.upstream.name);
    const ageMs = this.#ageOf(row);
    const overdueMs = ageMs - limits.tagTtlMs;
    if (overdueMs >= limits.staleWhileRevalidateMs && overdueMs >= 0) return undefined;
    const isFresh = overdueMs < 0;
    // A check in the background that fails leaves the row as it is; the next pull tries again.
    if (!isFresh) void this.#refresh(door, tag, row).catch(() => undefined);
    const warning = isFresh ? undefined : 'the tag is being checked in the background';
    return await this.#serveRow(door, row, isFresh ? 'hit' : 'stale', warning);
  }

  async #serveChecked(door: Door, tag: string, row: TagRecord | undefined): Promise<ServedManifest> {
    if (row === undefined) return await this.#refresh(door, tag, undefined);
    try {
      return await this.#withinTimeout(door, this.#refresh(door, tag, row));
    } catch (error) {
      const isVerdict = isMirrorError(error, 'manifest-unknown', 'upstream-denied');
      if (isVerdict || this.#ageOf(row) > this.#options.limitsOf(door.upstream.name).staleIfErrorMs) throw error;
      const stale = await this.#serveRow(door, row, 'stale', 'the upstream cannot be asked; the tag may have moved');
      if (stale === undefined) throw error;
      return stale;
    }
  }

  async #serveRow(
    door: Door,
    row: TagRecord,
    outcome: Outcome,
    warning: string | undefined,
  ): Promise<ServedManifest | undefined> {
    const manifest = await this.#options.manifests.findStored(door, row.digest);
    return manifest && serveManifest(manifest, outcome, { ageMs: this.#ageOf(row), warning });
  }

  async #refresh(door: Door, tag: string, row: TagRecord | undefined): Promise<ServedManifest> {
    const { manifests, catalog, clock } = this.#options;
    const checkedMs = clock.wallMs();
    const { digest, head, manifest } = await this.#check(door, tag);
    const stored = manifest ?? (await manifests.findStored(door, digest));
    const current = stored ?? (await manifests.fetch(door, digest));
    // Only now that its bytes are here: a tag never names what cannot be served.
    await this.#setTag(door, tag, { digest, checkedMs, etag: head?.etag }, catalog);
    const isSame = row?.digest === digest && stored !== undefined;
    return serveManifest(current, isSame ? 'revalidated' : 'miss', { ageMs: 0, warning: undefined });
  }

  async #setTag(door: Door, tag: string, record: TagRecord, catalog: Catalog): Promise<void> {
    // An answer that started later knows better.
    const newer = catalog.findTag(repositoryOf(door), tag);
    if (newer !== undefined && newer.checkedMs > record.checkedMs) return;
    void catalog.setTag(repositoryOf(door), tag, record);
    await Promise.resolve();
  }

  /** Asks upstream; one check in the air per tag. @throws MirrorError `manifest-unknown`, and then the row is gone */
  async #check(door: Door, tag: string): Promise<Checked> {
    return await this.#checks.run([door.upstream.name, door.repository, tag], async () => {
      try {
        return await this.#ask(door, tag);
      } catch (error) {
        if (!isMirrorError(error, 'manifest-unknown', 'blob-unknown')) throw error;
        void this.#options.catalog.removeTag(repositoryOf(door), tag);
        throw manifestUnknown();
      }
    });
  }

  async #ask(door: Door, tag: string): Promise<Checked> {
    const reference = { type: 'tag', tag } as const;
    const head = await door.upstream.headManifest(door.repository, reference);
    if (head.digest !== undefined) return { digest: head.digest, head, manifest: undefined };
    const fetched = await door.upstream.getManifest(door.repository, reference);
    const digest = fetched.digest ?? computeDigest('sha256', fetched.bytes);
    return { digest, head: undefined, manifest: await this.#options.manifests.keep(door, digest, fetched) };
  }

  /** The check runs on when its time is over; only this pull stops waiting. */
  async #withinTimeout<Result>(door: Door, running: Promise<Result>): Promise<Result> {
    const { checkTimeoutMs } = this.#options.limitsOf(door.upstream.name);
    return await new Promise<Result>((resolve, reject) => {
      const timer = this.#options.clock.startTimer(checkTimeoutMs, () => {
        reject(new MirrorError({ kind: 'upstream-timeout', message: 'the upstream does not answer in time' }));
      });
      running.then(resolve, reject).finally(() => timer.stop());
    });
  }

  #ageOf(row: TagRecord): number {
    return Math.max(0, this.#options.clock.wallMs() - row.checkedMs);
  }
}
