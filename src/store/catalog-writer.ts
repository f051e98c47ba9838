import type { Clock, Timer } from '../telemetry/clock.ts';
import type { Health } from '../telemetry/health.ts';
import type { Log } from '../telemetry/log.ts';
import type { Meter } from '../telemetry/metrics.ts';
import type { CatalogChange, CatalogReply, CatalogRequest } from './catalog-protocol.ts';
import { sqliteCodes } from './sqlite-error.ts';
import type { WorkerPort } from './worker-port.ts';
import { WorkerError } from './worker-protocol.ts';

/** Brings changes to the worker, in order, in batches. */
export interface CatalogWriter {
  /** The change's number; `whenSettled` resolves when it is in the database or has failed once. Never rejects. */
  write(change: CatalogChange): { readonly number: number; readonly whenSettled: Promise<void> };
  /** Resolves when everything before it is in the database or has failed once. */
  flush(): Promise<void>;
  /** Writes what is left, as far as that works, and takes no more. */
  close(): Promise<void>;
}

export interface CatalogWriterOptions {
  readonly port: WorkerPort<CatalogRequest, CatalogReply>;
  readonly clock: Clock;
  readonly log: Log;
  readonly meter: Meter;
  readonly health: Health;
  /** Changes up to this number are in the database or lost; nobody need remember them. */
  readonly onSettled: (number: number) => void;
}

interface Waiting {
  readonly number: number;
  readonly change: CatalogChange;
  readonly resolve: () => void;
}

/** About 5 ms to hand over. */
const maxBatch = 1000;
const retryDelayMs = 1000;
/** Changes that are kept for better times; a catalog that cannot write must not take all memory. */
const maxKept = 100_000;
/** What passes, or what an operator can mend while we run. */
const passingCodes: ReadonlySet<number | undefined> = new Set([
  sqliteCodes.busy,
  sqliteCodes.readOnly,
  sqliteCodes.io,
  sqliteCodes.full,
  sqliteCodes.cannotOpen,
]);

export function createCatalogWriter(options: CatalogWriterOptions): CatalogWriter {
  let waiting: Waiting[] = [];
  let lastSettled = Promise.resolve();
  let lastNumber = 0;
  let isClosed = false;
  let isFailing = false;
  let running: Promise<void> | undefined;
  let retry: Timer | undefined;

  function schedule(): void {
    if (isClosed && isFailing) return;
    if (running !== undefined || retry !== undefined || waiting.length === 0) return;
    // Whatever is written in this turn of the loop, and while a batch is under way, makes one transaction.
    running = writeBatch().finally(() => {
      running = undefined;
      schedule();
    });
  }

  async function writeBatch(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    const batch = waiting.slice(0, maxBatch);
    try {
      await options.port.request({ type: 'apply', changes: batch.map(({ change }) => change) });
      waiting = waiting.slice(batch.length);
      if (isFailing) options.health.report('catalog', undefined);
      isFailing = false;
      settle(batch);
    } catch (error) {
      onFailure(batch, error);
    }
  }

  function onFailure(batch: readonly Waiting[], error: unknown): void {
    options.meter.storeError('catalog');
    const code = error instanceof WorkerError ? error.sqliteCode : undefined;
    const passes = passingCodes.has(code);
    if (!isFailing) options.log.error({ err: error, changes: batch.length }, 'the catalog cannot be written');
    isFailing = true;
    options.health.report('catalog', 'the catalog cannot be written: what is new is forgotten on restart');
    // Nobody is to wait for better times: an eviction least of all, which may bring them about.
    for (const { resolve } of waiting) resolve();
    if (!passes || waiting.length > maxKept) {
      waiting = waiting.slice(batch.length);
      settle(batch);
    } else if (!isClosed) {
      retry = options.clock.startTimer(retryDelayMs, () => {
        retry = undefined;
        schedule();
      });
    }
  }

  function settle(batch: readonly Waiting[]): void {
    const last = batch.at(-1);
    if (last !== undefined) options.onSettled(last.number);
    for (const { resolve } of batch) resolve();
  }

  /** Until all is written; a batch that fails now has no later, and all that waits goes with it. */
  async function finish(): Promise<void> {
    const left = waiting.length;
    await running;
    if (waiting.length > 0 && waiting.length < left) await finish();
  }

  return {
    write(change) {
      const number = (lastNumber += 1);
      if (isClosed) return { number, whenSettled: Promise.resolve() };
      const whenSettled = new Promise<void>((resolve) => waiting.push({ number, change, resolve }));
      lastSettled = whenSettled;
      schedule();
      return { number, whenSettled };
    },
    async flush() {
      if (!isFailing) await lastSettled;
    },
    async close() {
      isClosed = true;
      retry?.stop();
      retry = undefined;
      schedule();
      await finish();
      for (const { resolve } of waiting) resolve();
    },
  };
}
