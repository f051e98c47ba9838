import type { Digest } from '../oci/digest.ts';
import { isMirrorError, MirrorError } from '../oci/errors.ts';
import { essenceOf, isManifestType } from '../oci/media-type.ts';
import type { Catalog, TagRecord } from '../store/catalog.ts';
import type { Clock } from '../telemetry/clock.ts';
import { repositoryOf, type Door } from './door.ts';
import { serveManifest, type LoadedManifest, type ManifestPulls } from './manifest-pulls.ts';
import type { Outcome, ServedManifest } from './pull.ts';
import { SingleFlight } from './single-flight.ts';
import { TagChecks } from './tag-checks.ts';
import type { Verdict } from './verdict.ts';

/** How long answers about tags may be used; configured per upstream. Infinity is allowed for `staleIfErrorMs`. */
export interface FreshnessLimits {
  readonly tagTtlMs: number;
  readonly staleWhileRevalidateMs: number;
  readonly staleIfErrorMs: number;
  readonly checkTimeoutMs: number;
  readonly listTtlMs: number;
  /** For how long it is remembered that there is nothing. */
  readonly negativeTtlMs: number;
}

export interface FreshnessOptions {
  readonly catalog: Catalog;
  readonly manifests: ManifestPulls;
  readonly clock: Clock;
  limitsOf(upstream: string): FreshnessLimits;
}

const justChecked = { ageMs: 0, warning: undefined };

/** When upstream has to be asked what a tag is, and what is served while it cannot be (design, section 4: rows are tried from the top). */
export class Freshness {
  readonly #options: FreshnessOptions;
  readonly #checks: TagChecks;
  readonly #refreshes = new SingleFlight<ServedManifest>();

  constructor(options: FreshnessOptions) {
    this.#options = options;
    this.#checks = new TagChecks(options);
  }

  async get(door: Door, tag: string): Promise<ServedManifest> {
    const row = this.#options.catalog.findTag(repositoryOf(door), tag);
    return (row && (await this.#serveUnchecked(door, tag, row))) ?? (await this.#serveChecked(door, tag, row));
  }

  /** As `get`, but the manifest of a tag that nobody has pulled is not fetched when its HEAD says enough. */
  async head(door: Door, tag: string): Promise<ServedManifest> {
    const row = this.#options.catalog.findTag(repositoryOf(door), tag);
    if (row !== undefined) return await this.get(door, tag);
    const verdict = await this.#checks.ask(door, tag);
    const { digest, head } = verdict;
    const stored = verdict.manifest ?? (await this.#options.manifests.findStored(door, digest));
    const mediaType = essenceOf(head.mediaType ?? '');
    if (stored === undefined && head.sizeBytes !== undefined && isManifestType(mediaType)) {
      this.#checks.expect(door, tag, verdict);
      const { provenance, sizeBytes } = head;
      return { outcome: 'miss', provenance, digest, mediaType, sizeBytes, bytes: undefined, ...justChecked };
    }
    return serveManifest(await this.#settle(door, tag, verdict, stored), 'miss', justChecked);
  }

  /** A manifest has come into the store: tags that were seen to name it by a HEAD are now known for good. */
  onManifest(door: Door, digest: Digest): void {
    this.#checks.onManifest(door, digest);
  }

  async #serveUnchecked(door: Door, tag: string, row: TagRecord): Promise<ServedManifest | undefined> {
    const limits = this.#options.limitsOf(door.upstream.name);
    const overdueMs = this.#ageOf(row) - limits.tagTtlMs;
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

  /** One at a time, from the question to the row: whoever comes meanwhile would ask the same. */
  async #refresh(door: Door, tag: string, row: TagRecord | undefined): Promise<ServedManifest> {
    const key = [door.upstream.name, door.repository, tag];
    return await this.#refreshes.run(key, async () => await this.#resolve(door, tag, row));
  }

  async #resolve(door: Door, tag: string, row: TagRecord | undefined): Promise<ServedManifest> {
    const verdict = await this.#checks.ask(door, tag);
    const stored = verdict.manifest ?? (await this.#options.manifests.findStored(door, verdict.digest));
    const isSame = row?.digest === verdict.digest && stored !== undefined;
    return serveManifest(await this.#settle(door, tag, verdict, stored), isSame ? 'revalidated' : 'miss', justChecked);
  }

  /** The manifest that a verdict names, fetched if it is not here; the tag's row follows. */
  async #settle(
    door: Door,
    tag: string,
    verdict: Verdict,
    stored: LoadedManifest | undefined,
  ): Promise<LoadedManifest> {
    const manifest = stored ?? (await this.#fetchNamed(door, verdict.digest));
    this.#checks.confirm(door, tag, verdict);
    return manifest;
  }

  /** Upstream has just named this digest: if it then knows nothing of it, that is its failure and no verdict. */
  async #fetchNamed(door: Door, digest: Digest): Promise<LoadedManifest> {
    try {
      return await this.#options.manifests.fetch(door, digest);
    } catch (error) {
      if (!isMirrorError(error, 'manifest-unknown', 'blob-unknown', 'upstream-denied')) throw error;
      const message = 'upstream does not have the manifest that it names for this tag';
      throw new MirrorError({ kind: 'upstream-failed', message, cause: error });
    }
  }

  /** The check runs on when its time is over; only this pull stops waiting. */
  async #withinTimeout<Result>(door: Door, running: Promise<Result>): Promise<Result> {
    const { checkTimeoutMs } = this.#options.limitsOf(door.upstream.name);
    const late = Promise.withResolvers<never>();
    const timer = this.#options.clock.startTimer(checkTimeoutMs, () => {
      late.reject(new MirrorError({ kind: 'upstream-timeout', message: 'the upstream does not answer in time' }));
    });
    try {
      return await Promise.race([running, late.promise]);
    } finally {
      timer.stop();
    }
  }

  #ageOf(row: TagRecord): number {
    return Math.max(0, this.#options.clock.wallMs() - row.checkedMs);
  }
}
