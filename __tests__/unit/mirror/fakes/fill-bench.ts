import { computeDigest, type Digest } from '../../../../src/oci/digest.ts';
import type { Span } from '../../../../src/oci/span.ts';
import { BufferPool } from '../../../../src/mirror/fill/buffer-pool.ts';
import { Bypasses } from '../../../../src/mirror/fill/bypass.ts';
import { ConnectionSlots } from '../../../../src/mirror/fill/connection-slots.ts';
import type { FillLimits } from '../../../../src/mirror/fill/fill-limits.ts';
import { Fills } from '../../../../src/mirror/fill/fills.ts';
import { followFill } from '../../../../src/mirror/fill/followed-blob.ts';
import type { Demand, ServedBlob } from '../../../../src/mirror/pull.ts';
import { Visibility } from '../../../../src/mirror/visibility.ts';
import type { Catalog } from '../../../../src/store/catalog.ts';
import type { StoredObject } from '../../../../src/store/content-store.ts';
import type { Happening } from '../../../../src/telemetry/events.ts';
import { silentLog } from '../../../../src/telemetry/log.ts';
import { silentMeter } from '../../../../src/telemetry/metrics.ts';
import { createManualClock } from '../../http/manual-clock.ts';
import { MemoryContentStore } from './memory-content-store.ts';
import { ScriptedBlobUpstream } from './scripted-blob-upstream.ts';

export const fillLimits: FillLimits = {
  idleTimeoutMs: 15_000,
  minBytesPerSecond: 10_000,
  resumeForMs: 60_000,
  maxConnections: 4,
  abandonedBytes: 10 * 1024 ** 3,
  maxBlobBytes: 100 * 1024 ** 3,
  maxFills: 1000,
  maxUpstreamFills: 1000,
  maxWaiting: 1000,
  quietMs: 0,
};

/** Fills over a store in memory, an upstream that the test answers and a clock that the test moves. */
export class FillBench {
  readonly clock = createManualClock();
  readonly content = new MemoryContentStore();
  readonly upstream = new ScriptedBlobUpstream();
  readonly committed: { object: StoredObject; repositories: readonly string[] }[] = [];
  readonly storeErrors: string[] = [];
  readonly happenings: Happening[] = [];
  readonly buffers = new BufferPool(64 * 1024 * 1024);
  readonly fills: Fills;
  readonly #visibility = new Visibility({
    catalog: {} as Catalog,
    content: this.content,
    inventory: { isArriving: () => false },
  });
  readonly #bypasses: Bypasses;
  /** What the store can hold beside what is booked. */
  fitsBytes = Infinity;
  bookedBytes = 0;
  /** Whether something is there that can go, when the disk has refused a write. */
  makeRoom: (bytes: number, error: unknown) => boolean = () => false;

  constructor(changed: Partial<FillLimits> = {}) {
    const own = { ...fillLimits, ...changed };
    this.#bypasses = new Bypasses(() => own, this.clock);
    this.fills = new Fills({
      content: this.content,
      space: {
        fits: (sizeBytes) => this.bookedBytes + sizeBytes <= this.fitsBytes,
        reserve: (sizeBytes) => {
          this.bookedBytes += sizeBytes;
          return () => void (this.bookedBytes -= sizeBytes);
        },
        makeRoom: async (bytes, error) => await Promise.resolve(this.makeRoom(bytes, error)),
      },
      buffers: this.buffers,
      slots: new ConnectionSlots(() => 32, this.clock),
      findLimits: () => own,
      clock: this.clock,
      log: silentLog,
      meter: silentMeter,
      events: { publish: (happening) => void this.happenings.push(happening) },
      onCommitted: (object, sources) => {
        this.committed.push({ object, repositories: sources.map((source) => source.repository) });
      },
      onStoreError: (operation) => this.storeErrors.push(operation),
    });
  }

  /** A pull of `content` that has come in, and whatever becomes of it. */
  pull(content: Uint8Array, options: PullOptions = {}): Pull {
    const digest = options.digest ?? computeDigest('sha256', content);
    const upstream = options.upstream ?? this.upstream;
    const repository = options.repository ?? 'library/a';
    const running = this.fills.find(digest);
    const fill = running ?? this.fills.start({ digest, upstream, repository, sizeHintBytes: options.sizeHintBytes });
    const leaving = new AbortController();
    const served = followFill({
      fill,
      source: fill.sources.join(upstream, repository),
      demand: options.demand ?? { type: 'whole' },
      outcome: running === undefined ? 'miss' : 'follow',
      visibility: this.#visibility,
      buffers: this.buffers,
      bypasses: this.#bypasses,
      signal: leaving.signal,
    });
    return new Pull(served, leaving, options.demand ?? { type: 'whole' });
  }

  /** Lets everything happen that can happen without time passing. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < 20; turn++) {
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
    }
  }

  /** Moves time on in small steps, with everything in between happening. */
  async pass(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += 50) {
      this.clock.advance(Math.min(50, ms - passed));
      await this.settle();
    }
  }

  /** Nothing is left: no fill, no file, no buffer, no booking, no timer. */
  async leftovers(): Promise<object> {
    await this.settle();
    await this.pass(1_000);
    return {
      fills: this.fills.count,
      files: this.content.openFiles.size,
      buffers: this.buffers.lentBytes,
      booked: this.bookedBytes,
      keptRuns: this.upstream.requests.reduce((sum, { keptRuns }) => sum + keptRuns, 0),
      timers: this.clock.pending,
    };
  }
}

export const nothing = { fills: 0, files: 0, buffers: 0, booked: 0, keptRuns: 0, timers: 0 };

interface PullOptions {
  readonly digest?: Digest;
  readonly upstream?: ScriptedBlobUpstream;
  readonly repository?: string;
  readonly demand?: Demand;
  readonly sizeHintBytes?: number;
}

/** One client's pull: its bytes as they come, and how it ends. */
export class Pull {
  readonly chunks: Buffer[] = [];
  readonly served: Promise<ServedBlob>;
  /** `undefined` while it runs; `complete`, or the kind of its error. */
  end: string | undefined;
  readonly #leaving: AbortController;
  readonly #demand: Demand;
  #blob: ServedBlob | undefined;

  constructor(served: Promise<ServedBlob>, leaving: AbortController, demand: Demand) {
    this.served = served;
    this.#demand = demand;
    this.#leaving = leaving;
    void this.#read();
  }

  get bytes(): Buffer {
    return Buffer.concat(this.chunks);
  }

  leave(): void {
    this.#leaving.abort();
    this.#blob?.close();
  }

  #span(sizeBytes: number | undefined): Span | undefined {
    if (sizeBytes === undefined || this.#demand.type === 'whole') return undefined;
    if (this.#demand.type === 'suffix') return { start: sizeBytes - this.#demand.length, end: sizeBytes };
    return { start: this.#demand.start, end: Math.min(this.#demand.end, sizeBytes) };
  }

  async #read(): Promise<void> {
    try {
      this.#blob = await this.served;
      const body = this.#blob.openBody(this.#span(this.#blob.sizeBytes));
      for (let chunk = await body.read(); chunk !== undefined; chunk = await body.read()) {
        this.chunks.push(Buffer.from(chunk.bytes));
        chunk.release();
      }
      body.close();
      this.end = this.#leaving.signal.aborted ? 'left' : 'complete';
    } catch (error) {
      this.end = error instanceof Error && 'kind' in error ? String(error.kind) : String(error);
    } finally {
      this.#blob?.close();
    }
  }
}
