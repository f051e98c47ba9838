import type { Clock, Timer } from '../telemetry/clock.ts';
import type { Events } from '../telemetry/events.ts';
import type { Log } from '../telemetry/log.ts';
import type { Meter } from '../telemetry/metrics.ts';
import type { Catalog } from './catalog.ts';
import type { ContentStore, Leftover } from './content-store.ts';
import type { DiskRoom } from './disk-room.ts';
import { Eviction } from './eviction.ts';
import { isDiskFull } from './files.ts';
import type { Inventory } from './inventory.ts';
import { SpacedTask } from './spaced-task.ts';

/**
 * The books: content, leftovers, deleted files that are still read, and reserved bytes together aim to stay under the
 * quota, and beside it some of the disk stays free. What goes first are leftovers, then content as `Eviction` orders it.
 */
export interface Space {
  /** True when an object of this size, or so much more of one, can be kept beside what is being fetched. */
  fits(sizeBytes: number): boolean;
  /**
   * Counts bytes on their way in, and makes room for them in the background. Call what it gives once: in
   * the same turn in which the content's row is added, or when the fill has been parked or given up.
   */
  reserve(sizeBytes: number): () => void;
  /** After the disk refused a write with `error`: true when something was freed and trying again makes sense. */
  makeRoom(sizeBytes: number, error: unknown): Promise<boolean>;
  usage(): SpaceUsage;
  /** Frees what is too much by now, in the background: the bounds are other ones. */
  look(): void;
  /** Resolves when the books have been looked at since the last change. */
  settled(): Promise<void>;
  /** Ends the background work. */
  close(): Promise<void>;
}

export interface SpaceUsage {
  readonly contentBytes: number;
  readonly leftoverBytes: number;
  /** Of deleted files that are still read. */
  readonly lingeringBytes: number;
  readonly reservedBytes: number;
  /** 0 means no limit. */
  readonly maxBytes: number;
  /** Free on the file system beyond what must stay free; Infinity before anybody looked. */
  readonly spareBytes: number;
}

/** `maxSizeBytes` and `maxIdleMs` are looked at each time they matter: they may change. */
export interface SpaceOptions {
  readonly maxSizeBytes: number;
  /** Infinity: for ever. */
  readonly maxIdleMs: number;
  readonly room: DiskRoom;
  readonly content: ContentStore;
  readonly catalog: Catalog;
  readonly inventory: Inventory;
  readonly clock: Clock;
  readonly log: Log;
  readonly meter: Meter;
  readonly events: Pick<Events, 'publish'>;
}

/** Eviction begins above the quota and ends here, so that it does not run for every single object. */
const lowWatermark = 0.95;
/** A full disk is not left full to the last chunk; of a small one no more than a share is emptied. */
const roomStepBytes = 64 * 1024 * 1024;
const roomStepShare = 0.05;
const filesAtOnce = 8;
const dayMs = 24 * 60 * 60 * 1000;
const leftoverMaxAgeMs = { parked: dayMs, quarantined: 7 * dayMs };
/** How often is looked at what happens without us: age, and what others do with the disk. */
const sweepEveryMs = 60 * 1000;
/** While there is room enough, the disk is not asked anew for every small object that comes. */
const lookEveryMs = 100;

export function createSpace(options: SpaceOptions): Space {
  const { content, catalog, clock, room, log } = options;
  const stop = new AbortController();
  const limitBytes = () => (options.maxSizeBytes > 0 ? options.maxSizeBytes : catalog.totals().bytes);
  const eviction = new Eviction({ ...options, signal: stop.signal, limitBytes });
  let reservedBytes = 0;
  let leftoverBytes = 0;
  let isExpiryDue = false;
  let making: Promise<boolean> | undefined;
  let sweepTimer: Timer | undefined;

  const usedBytes = () => catalog.totals().bytes + leftoverBytes + content.lingeringBytes() + reservedBytes;
  const quotaExcess = () => {
    const { maxSizeBytes } = options;
    if (maxSizeBytes === 0 || usedBytes() <= maxSizeBytes) return 0;
    return usedBytes() - Math.floor(maxSizeBytes * lowWatermark);
  };

  const isOver = () => quotaExcess() > 0 || room.spareBytes < 0;
  const looks = new SpacedTask({ clock, everyMs: lookEveryMs, isUrgent: isOver, run: look });

  async function look(): Promise<void> {
    try {
      await keepBounds();
    } catch (error) {
      log.error({ err: error }, 'space could not be freed');
    }
  }

  async function keepBounds(): Promise<void> {
    const leftovers = await dropExpired(await content.listLeftovers());
    leftoverBytes = sumHeld(leftovers);
    if (isExpiryDue) await eviction.expire(options.maxIdleMs);
    isExpiryDue = false;
    await room.look();
    const excessBytes = Math.max(quotaExcess(), -room.spareBytes);
    if (excessBytes <= 0) return;
    await free(excessBytes, leftovers);
    await room.look();
  }

  async function dropExpired(leftovers: readonly Leftover[]): Promise<readonly Leftover[]> {
    const kept: Leftover[] = [];
    for (const leftover of leftovers) {
      const ageMs = clock.wallMs() - leftover.changedMs;
      if (ageMs > leftoverMaxAgeMs[leftover.type] && (await content.removeLeftover(leftover))) continue;
      kept.push(leftover);
    }
    return kept;
  }

  /** Leftovers first, oldest first; then content. Gives the bytes that the disk has back. */
  async function free(wantedBytes: number, leftovers: readonly Leftover[]): Promise<number> {
    let freedBytes = 0;
    let evictedBytes = 0;
    // What somebody reads is not free before he is done.
    const lingeringBefore = content.lingeringBytes();
    const total = () => freedBytes + evictedBytes - content.lingeringBytes() + lingeringBefore;
    for (const leftover of leftovers.toSorted((a, b) => a.changedMs - b.changedMs)) {
      if (total() >= wantedBytes) return total();
      if (!(await content.removeLeftover(leftover))) continue;
      leftoverBytes = Math.max(0, leftoverBytes - leftover.heldBytes);
      freedBytes += leftover.heldBytes;
    }
    const evicted = await eviction.evictUntil(({ bytes }) => {
      evictedBytes = bytes;
      return total() >= wantedBytes;
    });
    evictedBytes = evicted.bytes;
    return total();
  }

  async function makeRoom(sizeBytes: number): Promise<boolean> {
    try {
      await room.look();
      if (room.isOutOfFiles) {
        const evicted = await eviction.evictUntil(({ objects }) => objects >= filesAtOnce);
        return evicted.objects > 0;
      }
      const stepBytes = Math.min(roomStepBytes, room.totalBytes * roomStepShare);
      return (await free(Math.max(sizeBytes, stepBytes), await content.listLeftovers())) > 0;
    } catch (error) {
      log.error({ err: error }, 'space could not be freed');
      return false;
    }
  }

  function sweep(): void {
    sweepTimer = clock.startTimer(sweepEveryMs, sweep);
    isExpiryDue = options.maxIdleMs !== Infinity;
    looks.ask();
  }

  sweep();
  return {
    fits(sizeBytes) {
      const { maxSizeBytes } = options;
      const wantedBytes = sizeBytes + reservedBytes + content.lingeringBytes();
      // Nearly always there is room beside all that is here. Only else it matters how much of that may go.
      const isBesideAll = maxSizeBytes === 0 || wantedBytes + leftoverBytes + catalog.totals().bytes <= maxSizeBytes;
      if (isBesideAll && sizeBytes + reservedBytes <= room.spareBytes) return true;
      const pinnedBytes = catalog.totalsByKind().pinned.bytes;
      const isWithinQuota = maxSizeBytes === 0 || wantedBytes + pinnedBytes <= maxSizeBytes;
      // What can be evicted counts as room; the look that `reserve` asks for makes it so.
      const evictableBytes = leftoverBytes + catalog.totals().bytes - pinnedBytes;
      const isWithinDisk = sizeBytes + reservedBytes <= room.spareBytes + evictableBytes;
      // Others may have left it: the next pull finds that out.
      if (!isWithinDisk) looks.ask();
      return isWithinQuota && isWithinDisk;
    },
    reserve(sizeBytes) {
      reservedBytes += sizeBytes;
      looks.ask();
      let isReleased = false;
      return () => {
        if (isReleased) return;
        isReleased = true;
        reservedBytes -= sizeBytes;
        looks.ask();
      };
    },
    async makeRoom(sizeBytes, error) {
      if (!isDiskFull(error)) return false;
      // Every writer meets the full disk at the same moment: they share one round.
      making ??= makeRoom(sizeBytes).finally(() => (making = undefined));
      return await making;
    },
    usage: () => ({
      contentBytes: catalog.totals().bytes,
      leftoverBytes,
      lingeringBytes: content.lingeringBytes(),
      reservedBytes,
      maxBytes: options.maxSizeBytes,
      spareBytes: room.spareBytes,
    }),
    look: () => looks.ask(),
    settled: () => looks.settled(),
    async close() {
      stop.abort();
      sweepTimer?.stop();
      await looks.close();
      await making;
    },
  };
}

function sumHeld(leftovers: readonly Leftover[]): number {
  return leftovers.reduce((sum, { heldBytes }) => sum + heldBytes, 0);
}
