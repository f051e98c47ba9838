import type { Digest } from '../oci/digest.ts';
import type { Clock, Timer } from '../telemetry/clock.ts';
import type { Catalog, ContentRecord } from './catalog.ts';
import type { Inventory } from './inventory.ts';
import type { StoreFaults } from './store-faults.ts';

/** Reads everything again within a time, to find what has rotted before somebody pulls it. */
export interface Scrub {
  /** Ends it, after the object under way. */
  close(): Promise<void>;
}

export interface ScrubOptions {
  /** In which everything is read once; Infinity: never. Looked at each time, since it may change. */
  readonly everyMs: number;
  readonly catalog: Catalog;
  readonly inventory: Inventory;
  readonly faults: StoreFaults;
  readonly clock: Clock;
}

const tickMs = 10_000;
/** The share of the time that reading may take, so that a late pass does not crowd the pulls out. */
const busyShare = 0.25;
/** Digests are spread evenly, so the first four digits say how far a pass is. */
const positions = 0x10000;
/** About a millisecond of queries. */
const positionsAtOnce = 16;
const stateKey = 'scrub';

/** How far a pass is: `position` is the next one to be read, of 65,536. */
interface Pass {
  readonly startedMs: number;
  readonly position: number;
}

/**
 * Goes through the digests in order, at the pace at which a pass takes `everyMs`, and on from where the last process was.
 * What is missing loses its row, what is damaged is put aside.
 */
export function startScrub(options: ScrubOptions): Scrub {
  const { catalog, inventory, faults, clock } = options;
  let isClosed = false;
  let timer: Timer | undefined;
  let running: Promise<void> | undefined;

  function schedule(): void {
    if (isClosed) return;
    timer = clock.startTimer(tickMs, () => {
      running = tick().finally(schedule);
    });
  }

  async function tick(): Promise<void> {
    const { everyMs } = options;
    if (everyMs === Infinity) return;
    let { startedMs, position } = readPass(catalog);
    const target = Math.min(positions, Math.floor(((catalog.useTimeMs() - startedMs) / everyMs) * positions));
    const endMs = clock.monotonicMs() + tickMs * busyShare;
    const from = position;
    while (position < target && !isClosed && clock.monotonicMs() < endMs) {
      for (const record of listAt(catalog, position)) await scrub(record.digest);
      // Most positions of a small store are empty: a thousand of them in one go would keep everybody waiting.
      if (position % positionsAtOnce === 0) await new Promise((resolve) => setImmediate(resolve));
      // Those that were left out are the next process's.
      if (!isClosed) position += 1;
    }
    if (position >= positions) ({ startedMs, position } = { startedMs: catalog.useTimeMs(), position: 0 });
    if (position !== from) void catalog.setState(stateKey, JSON.stringify({ startedMs, position }));
  }

  async function scrub(digest: Digest): Promise<void> {
    const record = isClosed ? undefined : catalog.findContent(digest);
    if (record === undefined) return;
    try {
      const reader = await inventory.open(record);
      try {
        await reader?.verify({ isAnew: true });
      } finally {
        reader?.close();
      }
    } catch (error) {
      faults.report('scrub', error);
    }
  }

  schedule();
  return {
    async close() {
      isClosed = true;
      timer?.stop();
      await running;
    },
  };
}

function listAt(catalog: Catalog, position: number): readonly ContentRecord[] {
  const digits = position.toString(16).padStart(4, '0');
  return ['sha256', 'sha512'].flatMap((algorithm) => catalog.listContent(`${algorithm}:${digits}`));
}

function readPass(catalog: Catalog): Pass {
  const nowMs = catalog.useTimeMs();
  try {
    const { startedMs, position } = JSON.parse(catalog.findState(stateKey) ?? '{}') as Partial<Pass>;
    const isKnown = typeof startedMs === 'number' && typeof position === 'number' && startedMs <= nowMs;
    if (isKnown && position >= 0 && position < positions) return { startedMs, position };
  } catch {
    // Begins anew, as after a lost catalog.
  }
  const pass = { startedMs: nowMs, position: 0 };
  void catalog.setState(stateKey, JSON.stringify(pass));
  return pass;
}
