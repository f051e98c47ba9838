import type { Events } from '../telemetry/events.ts';
import type { Log } from '../telemetry/log.ts';
import type { Meter } from '../telemetry/metrics.ts';
import type { Catalog, ContentRecord, ContentTotals, EvictableKind } from './catalog.ts';
import type { Inventory } from './inventory.ts';

export interface EvictionOptions {
  readonly catalog: Catalog;
  readonly inventory: Inventory;
  readonly log: Log;
  readonly meter: Meter;
  readonly events: Pick<Events, 'publish'>;
  readonly signal: AbortSignal;
  /** The quota that shares are taken of; what is here when there is none. */
  readonly limitBytes: () => number;
}

const nothing: ContentTotals = { objects: 0, bytes: 0 };
/** Rows that are read and files that are unlinked in one go. */
const batchSize = 64;
const unlinksAtOnce = 8;
/** Content that was used again is spared while it has no more than this share; then only its age counts. */
const reusedShare = 0.8;
/** Manifests are small and worth much: they go for space only when they have more than this share. */
const manifestShare = 0.05;

/**
 * Takes content away in the order of design section 5: what was used once before what was used again, each by the time
 * of its last use, manifests by age only, pinned content never.
 */
export class Eviction {
  readonly #options: EvictionOptions;

  constructor(options: EvictionOptions) {
    this.#options = options;
  }

  /**
   * Evicts until it is enough, which is asked before each object with what was evicted so far, removals under way among
   * it, or nothing is left. Gives what was evicted in the end.
   */
  async evictUntil(isEnough: (evicted: ContentTotals) => boolean): Promise<ContentTotals> {
    if (isEnough(nothing)) return nothing;
    const round = new Round(this.#options, isEnough);
    await this.#options.catalog.applyPins();
    while (!round.isOver) {
      const batch = await this.#nextBatch();
      if (batch.length === 0) break;
      await round.evict(batch);
    }
    return round.evicted;
  }

  /** Evicts what nobody has used for so long. */
  async expire(maxIdleMs: number): Promise<void> {
    const { catalog } = this.#options;
    const isIdle = ({ lastUsedMs }: ContentRecord): boolean => lastUsedMs < catalog.useTimeMs() - maxIdleMs;
    await catalog.applyPins();
    for (const kind of ['once', 'reused', 'manifest'] as const) {
      const round = new Round(this.#options, () => false);
      while (!round.isOver) {
        const idle = (await catalog.listEvictable(kind, batchSize)).filter(isIdle);
        if (idle.length === 0) break;
        await round.evict(idle);
      }
    }
  }

  async #nextBatch(): Promise<readonly ContentRecord[]> {
    const { catalog, limitBytes } = this.#options;
    const list = async (kind: EvictableKind): Promise<readonly ContentRecord[]> =>
      await catalog.listEvictable(kind, batchSize);
    // Listed first: only then is what went last out of the totals.
    const manifests = await list('manifest');
    const { manifest, once, reused } = catalog.totalsByKind();
    const tooMany = takeBytes(manifests, manifest.bytes - limitBytes() * manifestShare);
    if (tooMany.length > 0) return tooMany;
    const excessBytes = reused.bytes - limitBytes() * reusedShare;
    const first = once.objects > 0 ? await list('once') : [];
    if (first.length > 0 && excessBytes <= 0) return first;
    const all = [...first, ...(await list('reused'))].toSorted((a, b) => a.lastUsedMs - b.lastUsedMs);
    const oldest = all.slice(0, batchSize);
    if (oldest.length === 0) return manifests;
    return first.length > 0 ? takeBytes(oldest, excessBytes, 'reused') : oldest;
  }
}

/** The first records, until those of this kind among them are so many bytes. */
function takeBytes(
  records: readonly ContentRecord[],
  bytes: number,
  kind: EvictableKind = 'manifest',
): readonly ContentRecord[] {
  let missingBytes = bytes;
  return records.filter((record) => {
    const isTaken = missingBytes > 0;
    if (record.kind === kind) missingBytes -= record.sizeBytes;
    return isTaken;
  });
}

/** One run of removals, batch by batch. */
class Round {
  readonly #options: EvictionOptions;
  readonly #isEnough: (evicted: ContentTotals) => boolean;
  #objects = 0;
  #bytes = 0;
  #isStuck = false;

  constructor(options: EvictionOptions, isEnough: (evicted: ContentTotals) => boolean) {
    this.#options = options;
    this.#isEnough = isEnough;
  }

  get evicted(): ContentTotals {
    return { objects: this.#objects, bytes: this.#bytes };
  }

  get isOver(): boolean {
    return this.#options.signal.aborted || this.#isStuck || this.#isEnough(this.evicted);
  }

  async evict(batch: readonly ContentRecord[]): Promise<void> {
    const before = this.#bytes;
    let evicted = 0;
    for (let start = 0; start < batch.length; start += unlinksAtOnce) {
      const done = await Promise.all(batch.slice(start, start + unlinksAtOnce).map((one) => this.#remove(one)));
      evicted += done.filter((isDone) => isDone).length;
    }
    if (evicted > 0) this.#tell(evicted, this.#bytes - before);
    // A disk on which nothing can be deleted is not tried over and over.
    else this.#isStuck = true;
    // Others may run: unlinking large files takes long.
    await new Promise((resolve) => setImmediate(resolve));
  }

  #tell(objects: number, bytes: number): void {
    this.#options.meter.evicted(objects, bytes);
    this.#options.events.publish({ type: 'evicted', objects, bytes });
  }

  async #remove({ digest }: ContentRecord): Promise<boolean> {
    const { catalog, inventory, log } = this.#options;
    // Another round may have taken it while this one waited.
    const record = this.isOver ? undefined : catalog.findContent(digest);
    if (record === undefined) return false;
    // Booked at once: others of the batch are asked for before this one is done.
    this.#objects += 1;
    this.#bytes += record.sizeBytes;
    try {
      await inventory.remove(record);
      return true;
    } catch (error) {
      log.error({ err: error, digest }, 'content cannot be deleted');
      this.#objects -= 1;
      this.#bytes -= record.sizeBytes;
      return false;
    }
  }
}
