import type { Digest } from '../oci/digest.ts';
import { isMirrorError, MirrorError } from '../oci/errors.ts';
import { essenceOf, isManifestType } from '../oci/media-type.ts';
import type { Catalog, TagRecord } from '../store/catalog.ts';
import type { Clock } from '../telemetry/clock.ts';
import type { Log } from '../telemetry/log.ts';
import { manifestUnknown } from './absent.ts';
import { audienceOf, repositoryOf, type Door } from './door.ts';
import { serveManifest, type LoadedManifest, type ManifestPulls } from './manifest-pulls.ts';
import type { Misses } from './misses.ts';
import type { Outcome, ServedManifest } from './pull.ts';
import { SingleFlight } from './single-flight.ts';
import { TagAges } from './tag-ages.ts';
import { TagChecks, type KnownTag } from './tag-checks.ts';
import { ttlOfTag, type TagPolicy } from './tag-policies.ts';
import type { Verdict } from './verdict.ts';

/** How long answers about tags may be used; configured per upstream. Infinity is allowed for `staleIfErrorMs`. */
export interface FreshnessLimits {
  readonly tagTtlMs: number;
  /** In order; the first that matches a tag sets its time to live. */
  readonly tagPolicies: readonly TagPolicy[];
  readonly staleWhileRevalidateMs: number;
  /** Both count from the end of the time to live. */
  readonly staleIfErrorMs: number;
  readonly checkTimeoutMs: number;
  readonly listTtlMs: number;
  /** For how long it is remembered that there is nothing. */
  readonly negativeTtlMs: number;
}

export interface FreshnessOptions {
  readonly catalog: Catalog;
  readonly manifests: ManifestPulls;
  readonly misses: Misses;
  readonly clock: Clock;
  readonly log: Log;
  limitsOf(upstream: string): FreshnessLimits;
}

const justChecked = { ageMs: 0, warning: undefined };

/** When upstream has to be asked what a tag is, and what is served while it cannot be (design, section 4: rows are tried from the top). */
export class Freshness {
  readonly #options: FreshnessOptions;
  readonly #ages: TagAges;
  readonly #checks: TagChecks;
  readonly #refreshes = new SingleFlight<ServedManifest>();
  /** When those that are running began. */
  readonly #startsMs = new Map<string, number>();

  constructor(options: FreshnessOptions) {
    this.#options = options;
    this.#ages = new TagAges(options.clock);
    this.#checks = new TagChecks({ ...options, ages: this.#ages });
  }

  async get(door: Door, tag: string): Promise<ServedManifest> {
    const row = this.#options.catalog.findTag(repositoryOf(door), tag);
    if (row === undefined) {
      await this.#throwMiss(door, tag);
      return await this.#refresh(door, tag, undefined);
    }
    return (await this.#serveUnchecked(door, tag, row)) ?? (await this.#serveChecked(door, tag, row));
  }

  /** As `get`, but upstream is asked also within the time to live, unless the tag never moves; what is here makes up for no failure. */
  async check(door: Door, tag: string): Promise<ServedManifest> {
    const row = this.#options.catalog.findTag(repositoryOf(door), tag);
    const isDue = row !== undefined && this.#judge(door, tag, row).overdueMs !== -Infinity;
    return isDue ? await this.#refresh(door, tag, row) : await this.get(door, tag);
  }

  /** What `get` would give without asking anybody, at once: a tag within its time to live, its manifest in memory. */
  recall(door: Door, tag: string): ServedManifest | undefined {
    const row = this.#options.catalog.findTag(repositoryOf(door), tag);
    if (row === undefined) return undefined;
    const { ageMs, overdueMs } = this.#judge(door, tag, row);
    const manifest = overdueMs < 0 ? this.#options.manifests.recall(door, row.digest) : undefined;
    return manifest && serveManifest(manifest, 'hit', { ageMs, warning: undefined });
  }

  /** As `get`, but the manifest of a tag that nobody has pulled is not fetched when its HEAD says enough. */
  async head(door: Door, tag: string): Promise<ServedManifest> {
    const row = this.#options.catalog.findTag(repositoryOf(door), tag);
    if (row !== undefined) return await this.get(door, tag);
    await this.#throwMiss(door, tag);
    const verdict = await this.#checks.ask(door, tag, undefined);
    const { digest, head } = verdict;
    const stored = verdict.manifest ?? (await this.#options.manifests.findStored(door, digest));
    const mediaType = essenceOf(head.mediaType ?? '');
    if (stored === undefined && head.sizeBytes !== undefined && isManifestType(mediaType)) {
      this.#checks.expect(door, tag, verdict);
      const { provenance, sizeBytes } = head;
      return { outcome: 'miss', provenance, digest, mediaType, sizeBytes, bytes: undefined, ...justChecked };
    }
    return serveManifest(await this.#settle(door, tag, { verdict, stored, known: undefined }), 'miss', justChecked);
  }

  /** A manifest has come into the store: tags that were seen to name it by a HEAD are now known for good. */
  onManifest(door: Door, digest: Digest): void {
    this.#checks.onManifest(door, digest);
  }

  /** @throws MirrorError `manifest-unknown` when upstream has just said that there is no such tag */
  async #throwMiss(door: Door, tag: string): Promise<void> {
    if (await this.#options.misses.has(door, 'manifest', tag)) throw manifestUnknown();
  }

  async #serveUnchecked(door: Door, tag: string, row: TagRecord): Promise<ServedManifest | undefined> {
    const limits = this.#options.limitsOf(door.upstream.name);
    const { overdueMs } = this.#judge(door, tag, row);
    if (overdueMs >= limits.staleWhileRevalidateMs && overdueMs >= 0) return undefined;
    const isFresh = overdueMs < 0;
    if (!isFresh) void this.#refreshInBackground(door, tag, row);
    const warning = isFresh ? undefined : 'the tag is being checked in the background';
    return await this.#serveRow(door, tag, row, { outcome: isFresh ? 'hit' : 'stale', warning });
  }

  async #serveChecked(door: Door, tag: string, row: TagRecord): Promise<ServedManifest> {
    try {
      return await this.#withinTimeout(door, tag, this.#refresh(door, tag, row));
    } catch (error) {
      const isVerdict = isMirrorError(error, 'manifest-unknown', 'upstream-denied');
      if (isVerdict || this.#isOursNoMore(row, error) || !this.#judge(door, tag, row).isStaleAllowed) throw error;
      const warning = 'the upstream cannot be asked; the tag may have moved';
      const stale = await this.#serveRow(door, tag, row, { outcome: 'stale', warning });
      if (stale === undefined) throw error;
      return stale;
    }
  }

  /** What only our login may see is not shown while that login is refused. */
  #isOursNoMore(row: TagRecord, error: unknown): boolean {
    if (!isMirrorError(error) || !error.isLoginRefused) return false;
    return this.#options.catalog.findStored(row.digest)?.provenance === 'restricted';
  }

  async #serveRow(
    door: Door,
    tag: string,
    row: TagRecord,
    { outcome, warning }: { readonly outcome: Outcome; readonly warning: string | undefined },
  ): Promise<ServedManifest | undefined> {
    const manifest = await this.#options.manifests.findStored(door, row.digest);
    return manifest && serveManifest(manifest, outcome, { ageMs: this.#judge(door, tag, row).ageMs, warning });
  }

  /** A check in the background that fails leaves the row as it is; the next pull tries again. */
  async #refreshInBackground(door: Door, tag: string, row: TagRecord): Promise<void> {
    try {
      await this.#refresh(door, tag, row);
    } catch (error) {
      this.#options.log.debug(
        { ...repositoryOf(door), tag, err: error },
        'a tag could not be checked in the background',
      );
    }
  }

  /** One at a time, from the question to the row: whoever comes meanwhile would ask the same. */
  async #refresh(door: Door, tag: string, row: TagRecord | undefined): Promise<ServedManifest> {
    const key = keyOf(door, tag);
    return await this.#refreshes.run([key], async () => {
      this.#startsMs.set(key, this.#options.clock.monotonicMs());
      try {
        return await this.#resolve(door, tag, row);
      } finally {
        this.#startsMs.delete(key);
      }
    });
  }

  async #resolve(door: Door, tag: string, row: TagRecord | undefined): Promise<ServedManifest> {
    const isStaleAllowed = row !== undefined && this.#checks.isHere(row) && this.#judge(door, tag, row).isStaleAllowed;
    const known = row && { row, isStaleAllowed };
    const verdict = await this.#checks.ask(door, tag, known);
    const stored = verdict.manifest ?? (await this.#options.manifests.findStored(door, verdict.digest));
    const outcome = row?.digest === verdict.digest && stored !== undefined ? 'revalidated' : 'miss';
    return serveManifest(await this.#settle(door, tag, { verdict, stored, known }), outcome, justChecked);
  }

  /** The manifest that a verdict names, fetched if it is not here; the tag's row follows. */
  async #settle(door: Door, tag: string, { verdict, stored, known }: Resolution): Promise<LoadedManifest> {
    const { digest } = verdict;
    const isOptional = known?.isStaleAllowed === true;
    const manifest = stored ?? (await this.#fetchNamed(door, digest, { isOptional }));
    this.#checks.confirm(door, tag, verdict);
    return manifest;
  }

  /** Upstream has just named this digest: if it then knows nothing of it, that is its failure and no verdict. */
  async #fetchNamed(door: Door, digest: Digest, options: { readonly isOptional: boolean }): Promise<LoadedManifest> {
    try {
      return await this.#options.manifests.fetch(door, digest, options);
    } catch (error) {
      if (!isMirrorError(error, 'manifest-unknown', 'blob-unknown', 'upstream-denied')) throw error;
      const message = 'upstream does not have the manifest that it names for this tag';
      throw new MirrorError({ kind: 'upstream-failed', message, cause: error });
    }
  }

  /** The check runs on when its time is over; only pulls stop waiting, and who comes later does not begin to. */
  async #withinTimeout<Result>(door: Door, tag: string, running: Promise<Result>): Promise<Result> {
    const { clock } = this.#options;
    const { checkTimeoutMs } = this.#options.limitsOf(door.upstream.name);
    const nowMs = clock.monotonicMs();
    const spentMs = nowMs - (this.#startsMs.get(keyOf(door, tag)) ?? nowMs);
    const late = Promise.withResolvers<never>();
    const timer = clock.startTimer(Math.max(0, checkTimeoutMs - spentMs), () => {
      late.reject(new MirrorError({ kind: 'upstream-timeout', message: 'the upstream does not answer in time' }));
    });
    try {
      return await Promise.race([running, late.promise]);
    } finally {
      timer.stop();
    }
  }

  /**
   * Where two ages are possible, the older one says when to ask and the younger one whether to do without.
   * A row from the future is due at once, and ages from the start of this process on.
   */
  #judge(door: Door, tag: string, row: TagRecord): Judgement {
    const limits = this.#options.limitsOf(door.upstream.name);
    const ttlMs = ttlOfTag(tag, limits);
    const age = this.#ages.find(door, tag, row);
    if (ttlMs === Infinity) return { ageMs: age?.mostMs ?? 0, overdueMs: -Infinity, isStaleAllowed: true };
    const justDueMs = ttlMs + this.#ages.uptimeMs;
    const { leastMs, mostMs } = age ?? { leastMs: justDueMs, mostMs: justDueMs };
    return { ageMs: mostMs, overdueMs: mostMs - ttlMs, isStaleAllowed: leastMs - ttlMs <= limits.staleIfErrorMs };
  }
}

/** No name holds a space. */
function keyOf(door: Door, tag: string): string {
  return `${door.upstream.name} ${door.repository} ${audienceOf(door)} ${tag}`;
}

interface Judgement {
  readonly ageMs: number;
  /** Since the end of the tag's time to live; negative before it. */
  readonly overdueMs: number;
  /** Whether the row will do when upstream cannot be asked. */
  readonly isStaleAllowed: boolean;
}

interface Resolution {
  readonly verdict: Verdict;
  readonly stored: LoadedManifest | undefined;
  readonly known: KnownTag | undefined;
}
