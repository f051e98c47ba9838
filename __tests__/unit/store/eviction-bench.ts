import { join } from 'node:path';
import type { Digest } from '../../../src/oci/digest.ts';
import { mediaTypes } from '../../../src/oci/media-type.ts';
import type { Pin } from '../../../src/oci/pin.ts';
import type { Catalog } from '../../../src/store/catalog.ts';
import type { StoredObject } from '../../../src/store/content-store.ts';
import { Eviction } from '../../../src/store/eviction.ts';
import { createInventory } from '../../../src/store/inventory.ts';
import { openSqliteCatalog } from '../../../src/store/sqlite-catalog.ts';
import { createHealth } from '../../../src/telemetry/health.ts';
import type { Happening } from '../../../src/telemetry/events.ts';
import { silentLog } from '../../../src/telemetry/log.ts';
import { silentMeter } from '../../../src/telemetry/metrics.ts';
import { createManualClock } from '../http/manual-clock.ts';
import { MemoryContentStore } from '../mirror/fakes/memory-content-store.ts';
import { objectOf } from './fixtures.ts';

/** An eviction over a real catalog and content in memory; objects go by names, and each is younger than the last. */
export class EvictionBench {
  readonly clock = createManualClock(1_700_000_000_000);
  readonly content = new MemoryContentStore();
  readonly evicted: { objects: number; bytes: number }[] = [];
  readonly happenings: Happening[] = [];
  readonly stop = new AbortController();
  limitBytes = 1_000_000;
  pins: readonly Pin[] = [];
  catalog: Catalog;
  readonly #path: string;
  readonly #names = new Map<Digest, string>();
  #seen = 0;

  private constructor(path: string, catalog: Catalog) {
    this.#path = path;
    this.catalog = catalog;
  }

  /** In a directory of the test's; `close` it. */
  static async open(directory: string): Promise<EvictionBench> {
    const bench = new EvictionBench(join(directory, 'catalog.db'), {} as Catalog);
    bench.catalog = await bench.#openCatalog();
    return bench;
  }

  async reopen(): Promise<void> {
    await this.catalog.close();
    this.catalog = await this.#openCatalog();
  }

  async add(name: string, sizeBytes = 100, facts: { readonly isManifest?: boolean } = {}): Promise<StoredObject> {
    this.clock.advance(1);
    const object = { ...objectOf(Buffer.from(name)), sizeBytes };
    this.#names.set(object.digest, name);
    this.content.objects.set(object.digest, { object, bytes: Buffer.alloc(0) });
    const mediaType = facts.isManifest === true ? mediaTypes.ociManifest : undefined;
    await this.catalog.addContent(object, { mediaType });
    return object;
  }

  /** A use of each, one after the other. */
  async use(...names: readonly string[]): Promise<void> {
    for (const name of names) {
      this.clock.advance(1);
      this.catalog.touchContent(objectOf(Buffer.from(name)).digest);
      // Which writes down what was used.
      await this.catalog.listEvictable('once', 1);
    }
  }

  /** Evicts until so many bytes are gone; the names of what went, in order. */
  async evict(bytes: number): Promise<readonly string[]> {
    await this.#eviction().evictUntil((evicted) => evicted.bytes >= bytes);
    return this.#gone();
  }

  async expire(maxIdleMs: number): Promise<readonly string[]> {
    await this.#eviction().expire(maxIdleMs);
    return this.#gone();
  }

  async close(): Promise<void> {
    await this.catalog.close();
  }

  #gone(): readonly string[] {
    const names = this.content.removed.slice(this.#seen).map(({ digest }) => this.#names.get(digest) ?? digest);
    this.#seen = this.content.removed.length;
    return names;
  }

  #eviction(): Eviction {
    const meter = {
      ...silentMeter,
      evicted: (objects: number, bytes: number) => void this.evicted.push({ objects, bytes }),
    };
    const parts = { catalog: this.catalog, log: silentLog, meter };
    const findLost = () => Promise.resolve(undefined);
    const inventory = createInventory({ ...parts, content: this.content, findLost, onOrphan: () => {} });
    const events = { publish: (happening: Happening) => void this.happenings.push(happening) };
    return new Eviction({ ...parts, events, inventory, signal: this.stop.signal, limitBytes: () => this.limitBytes });
  }

  async #openCatalog(): Promise<Catalog> {
    const parts = { clock: this.clock, log: silentLog, meter: silentMeter, health: createHealth() };
    const { catalog } = await openSqliteCatalog({ path: this.#path, pins: this.pins, ...parts });
    return catalog;
  }
}
