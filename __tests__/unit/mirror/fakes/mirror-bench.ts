import { parseReference } from '../../../../src/oci/reference.ts';
import type { Digest } from '../../../../src/oci/digest.ts';
import { createMirror } from '../../../../src/mirror/mirror.ts';
import type { Mirror } from '../../../../src/mirror/mirror-api.ts';
import type { TagPolicy } from '../../../../src/mirror/tag-policies.ts';
import type { Demand, ServedBlob, ServedBlobHead, ServedManifest } from '../../../../src/mirror/pull.ts';
import type { ContentRecord } from '../../../../src/store/catalog.ts';
import { createInventory } from '../../../../src/store/inventory.ts';
import { createStoreFaults, type StoreFaults } from '../../../../src/store/store-faults.ts';
import { createHealth } from '../../../../src/telemetry/health.ts';
import { silentEvents } from '../../../../src/telemetry/events.ts';
import { silentLog } from '../../../../src/telemetry/log.ts';
import { silentMeter } from '../../../../src/telemetry/metrics.ts';
import { createManualClock } from '../../http/manual-clock.ts';
import { fillLimits } from './fill-bench.ts';
import { MemoryCatalog } from './memory-catalog.ts';
import { MemoryContentStore } from './memory-content-store.ts';
import { MemoryRecent } from './memory-recent.ts';
import { ScriptedUpstream } from './scripted-upstream.ts';

const second = 1000;
export const minute = 60 * second;
export const day = 24 * 60 * minute;

/** The mirror over a store in memory, upstreams that the test scripts and a clock that the test moves. */
export class MirrorBench {
  readonly clock = createManualClock(1000 * day);
  readonly content = new MemoryContentStore();
  readonly catalog = new MemoryCatalog();
  readonly recent = new MemoryRecent(this.clock);
  readonly misses = new MemoryRecent(this.clock);
  readonly upstream = new ScriptedUpstream();
  readonly other = new ScriptedUpstream('other.example');
  readonly health = createHealth();
  readonly storeErrors: string[] = [];
  /** As configured; to be changed before the pull that it is for. */
  limits = {
    tagTtlMs: 5 * minute,
    tagPolicies: [] as readonly TagPolicy[],
    staleWhileRevalidateMs: 0,
    staleIfErrorMs: 30 * day,
    checkTimeoutMs: 2 * second,
    listTtlMs: minute,
    negativeTtlMs: 10 * second,
  };
  mismatches = 0;
  readonly damages: string[] = [];
  /** What has lost its row. */
  findLost: (digest: Digest) => Promise<ContentRecord | undefined> = () => Promise.resolve(undefined);
  /** The disk being tried while it fails. */
  probe: () => Promise<void> = () => Promise.resolve();
  readonly faults: StoreFaults;
  readonly mirror: Mirror;

  constructor() {
    const meter = {
      ...silentMeter,
      digestMismatch: () => void this.mismatches++,
      storeError: (operation: string) => void this.storeErrors.push(operation),
      damaged: (how: string) => void this.damages.push(how),
    };
    const parts = { content: this.content, catalog: this.catalog, clock: this.clock, log: silentLog, meter };
    const findLost = async (digest: Digest) => await this.findLost(digest);
    // Nothing in memory: what tests do to files is to be seen by the next pull.
    const inventory = createInventory({ ...parts, findLost, onOrphan: () => {}, rememberedBytes: 0 });
    const probe = async () => await this.probe();
    this.faults = createStoreFaults({ ...parts, health: this.health, probe });
    this.content.onDamaged = async (object) => await inventory.quarantine(object);
    this.mirror = createMirror({
      ...parts,
      events: silentEvents,
      inventory,
      faults: this.faults,
      upstreams: { find: (name) => [this.upstream, this.other].find((upstream) => upstream.name === name) },
      recent: this.recent,
      misses: this.misses,
      space: { fits: () => true, reserve: () => () => {}, makeRoom: async () => await Promise.resolve(false) },
      fillLimits,
      connectionsPerUpstream: 32,
      freshnessOf: () => this.limits,
      accessTtlOf: () => undefined,
    });
  }

  async get(reference: string, place: Place = {}): Promise<ServedManifest> {
    const pull = { ...placeOf(place), reference: parseReference(reference) };
    return await this.mirror.getManifest(pull, new AbortController().signal);
  }

  async head(reference: string, place: Place = {}): Promise<ServedManifest> {
    const pull = { ...placeOf(place), reference: parseReference(reference) };
    return await this.mirror.headManifest(pull, new AbortController().signal);
  }

  async openBlob(digest: Digest, place: Place = {}, demand: Demand = { type: 'whole' }): Promise<ServedBlob> {
    return await this.mirror.getBlob({ ...placeOf(place), digest }, demand, new AbortController().signal);
  }

  async headBlob(digest: Digest, place: Place = {}): Promise<ServedBlobHead> {
    return await this.mirror.headBlob({ ...placeOf(place), digest }, new AbortController().signal);
  }

  /** Lets everything happen that can happen without time passing. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < 20; turn++) {
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
    }
  }

  /** What is still open or running: nothing, when every pull is over. */
  async leftovers(): Promise<object> {
    await this.settle();
    await this.faults.close();
    const { fills, readers } = this.mirror.stats();
    return { fills, readers, files: this.content.openFiles.size, timers: this.clock.pending };
  }
}

export const nothingLeft = { fills: 0, readers: 0, files: 0, timers: 0 };

/** Where a pull comes in. */
interface Place {
  readonly upstream?: string;
  readonly repository?: string;
}

export function placeOf({ upstream = 'docker.io', repository = 'library/a' }: Place = {}): Required<Place> {
  return { upstream, repository };
}

/** Everything that a pull gives, its buffers given back. */
export async function readAll(blob: ServedBlob): Promise<Buffer> {
  const chunks: Buffer[] = [];
  const body = blob.openBody();
  try {
    for (let chunk = await body.read(); chunk !== undefined; chunk = await body.read()) {
      chunks.push(Buffer.from(chunk.bytes));
      chunk.release();
    }
  } finally {
    body.close();
    blob.close();
  }
  return Buffer.concat(chunks);
}

/** How a pull fails, or undefined when it does not: all that a client may learn of it. */
export async function failureOf(pull: Promise<unknown>): Promise<object | undefined> {
  try {
    await pull;
    return undefined;
  } catch (error) {
    const { name, message, kind, detail, retryAfterMs } = error as Readonly<Record<string, unknown>>;
    return { name, kind, message, detail, retryAfterMs };
  }
}
