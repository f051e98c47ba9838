import type { Clock, Timer } from '../telemetry/clock.ts';
import type { Log } from '../telemetry/log.ts';
import type { Meter } from '../telemetry/metrics.ts';
import type { Catalog } from './catalog.ts';
import type { ContentStore, PartialRecord } from './content-store.ts';

/**
 * The quota, and what stays free beside it. Content, parked partial files and reserved bytes together aim to stay under it; what goes
 * first is parked files, then the least recently used content.
 */
export interface Space {
  /** True when an object of this size can be kept beside what is being fetched. */
  fits(sizeBytes: number): boolean;
  /**
   * Counts bytes on their way in, and makes room for them in the background. Call what it gives once: in
   * the same turn in which the content's row is added, or when the fill has been parked or given up.
   */
  reserve(sizeBytes: number): () => void;
  /** Frees so many bytes, and some more, after the disk said that it is full: true when anything was freed. */
  makeRoom(sizeBytes: number): Promise<boolean>;
  usage(): SpaceUsage;
  /** Ends the background work. */
  close(): Promise<void>;
}

export interface SpaceUsage {
  readonly contentBytes: number;
  readonly parkedBytes: number;
  readonly reservedBytes: number;
  /** 0 means no limit. */
  readonly maxBytes: number;
}

export interface SpaceOptions {
  readonly maxSizeBytes: number;
  /** What is left free on the file system for others, whatever the quota says; a tenth of a small one. */
  readonly minFreeBytes: number;
  readonly readDisk: () => Promise<{ readonly freeBytes: number; readonly totalBytes: number }>;
  readonly content: ContentStore;
  readonly catalog: Catalog;
  readonly clock: Clock;
  readonly log: Log;
  readonly meter: Meter;
}

/** Eviction begins above the quota and ends here, so that it does not run for every single object. */
const lowWatermark = 0.95;
/** `minFree` is meant for disks; of a small one it must not ask for more than there is. */
const maxFreeShare = 0.1;
const batchSize = 64;
/** A full disk is not left full to the last chunk. */
const roomStepBytes = 64 * 1024 * 1024;
const parkedMaxAgeMs = 24 * 60 * 60 * 1000;
/** How often parked files are looked through for age. */
const sweepEveryMs = 10 * 60 * 1000;

export function createSpace(options: SpaceOptions): Space {
  const { maxSizeBytes, minFreeBytes, content, catalog, clock, meter } = options;
  let reservedBytes = 0;
  /** Beyond what must stay free, at the last look; negative when others have taken it. */
  let spareBytes = Infinity;
  let parkedBytes = 0;
  let isClosed = false;
  let isAsked = false;
  let running: Promise<void> | undefined;
  let making: Promise<boolean> | undefined;
  let sweepTimer: Timer | undefined;

  const usedBytes = () => catalog.totals().bytes + parkedBytes + reservedBytes;

  /** Looks at the books soon, once for all who ask in this turn of the loop. */
  function ask(): void {
    isAsked = true;
    if (running !== undefined || isClosed) return;
    running = look().finally(() => {
      running = undefined;
      if (isAsked) ask();
    });
  }

  async function look(): Promise<void> {
    await nextTurn();
    isAsked = false;
    try {
      await keepQuota();
    } catch (error) {
      options.log.error({ err: error }, 'space could not be freed');
    }
  }

  async function keepQuota(): Promise<void> {
    const parked = await dropExpired(await content.listPartial());
    parkedBytes = sumHeld(parked);
    spareBytes = await readSpareBytes();
    const excessBytes = Math.max(quotaExcess(), -spareBytes);
    if (excessBytes <= 0) return;
    await free(excessBytes, parked);
    spareBytes = await readSpareBytes();
  }

  async function readSpareBytes(): Promise<number> {
    const { freeBytes, totalBytes } = await options.readDisk();
    return freeBytes - Math.min(minFreeBytes, Math.floor(totalBytes * maxFreeShare));
  }

  function quotaExcess(): number {
    if (maxSizeBytes === 0 || usedBytes() <= maxSizeBytes) return 0;
    return usedBytes() - Math.floor(maxSizeBytes * lowWatermark);
  }

  function fits(sizeBytes: number): boolean {
    const wantedBytes = sizeBytes + reservedBytes;
    const isWithinQuota = maxSizeBytes === 0 || wantedBytes <= maxSizeBytes;
    // What can be evicted counts as room; the look that `reserve` asks for makes it so.
    return isWithinQuota && wantedBytes <= spareBytes + parkedBytes + catalog.totals().bytes;
  }

  async function dropExpired(parked: readonly PartialRecord[]): Promise<readonly PartialRecord[]> {
    const kept: PartialRecord[] = [];
    for (const record of parked) {
      const ageMs = clock.wallMs() - record.changedMs;
      if (ageMs > parkedMaxAgeMs && (await content.removePartial(record.digest))) continue;
      kept.push(record);
    }
    return kept;
  }

  /** Parked files first, oldest first; then content. Gives the bytes freed. */
  async function free(wantedBytes: number, parked: readonly PartialRecord[]): Promise<number> {
    let freedBytes = 0;
    for (const record of parked.toSorted((a, b) => a.changedMs - b.changedMs)) {
      if (freedBytes >= wantedBytes) return freedBytes;
      if (!(await content.removePartial(record.digest))) continue;
      parkedBytes = Math.max(0, parkedBytes - record.heldBytes);
      freedBytes += record.heldBytes;
    }
    return freedBytes + (await evictContent(wantedBytes - freedBytes));
  }

  async function evictContent(wantedBytes: number): Promise<number> {
    let objects = 0;
    let bytes = 0;
    for (;;) {
      const batch = bytes >= wantedBytes || isClosed ? [] : catalog.listEvictable(batchSize);
      if (batch.length === 0) break;
      for (const { digest } of batch) {
        // Another round may have taken it while this one waited.
        const record = bytes >= wantedBytes ? undefined : catalog.findContent(digest);
        if (record === undefined) continue;
        // The row first: the other way round, it could be taken from content that came back in between. A
        // crash leaves a file without a row, which the next start finds, or, since rows are written in
        // batches, a row without a file, which the next reader or the next eviction finds.
        void catalog.removeContent(digest);
        await content.remove(record);
        objects += 1;
        bytes += record.sizeBytes;
      }
      // Others may run: unlinking large files takes long.
      await nextTurn();
    }
    if (objects > 0) meter.evicted(objects, bytes);
    return bytes;
  }

  async function makeRoom(sizeBytes: number): Promise<boolean> {
    try {
      return (await free(Math.max(sizeBytes, roomStepBytes), await content.listPartial())) > 0;
    } catch (error) {
      options.log.error({ err: error }, 'space could not be freed');
      return false;
    }
  }

  function scheduleSweep(): void {
    sweepTimer = clock.startTimer(sweepEveryMs, () => {
      ask();
      scheduleSweep();
    });
  }

  scheduleSweep();
  ask();
  return {
    fits,
    reserve(sizeBytes) {
      reservedBytes += sizeBytes;
      ask();
      let isReleased = false;
      return () => {
        if (isReleased) return;
        isReleased = true;
        reservedBytes -= sizeBytes;
        ask();
      };
    },
    makeRoom(sizeBytes) {
      // Every writer meets the full disk at the same moment: they share one round.
      making ??= makeRoom(sizeBytes).finally(() => (making = undefined));
      return making;
    },
    usage: () => ({ contentBytes: catalog.totals().bytes, parkedBytes, reservedBytes, maxBytes: maxSizeBytes }),
    async close() {
      isClosed = true;
      sweepTimer?.stop();
      await running;
      await making;
    },
  };
}

function sumHeld(records: readonly PartialRecord[]): number {
  return records.reduce((sum, { heldBytes }) => sum + heldBytes, 0);
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
