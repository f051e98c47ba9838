import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { join } from 'node:path';
import type { Catalog } from '../../../src/store/catalog.ts';
import type { ContentReader, StoredObject } from '../../../src/store/content-store.ts';
import { createInventory } from '../../../src/store/inventory.ts';
import { startScrub, type Scrub } from '../../../src/store/scrub.ts';
import { openSqliteCatalog } from '../../../src/store/sqlite-catalog.ts';
import { createHealth } from '../../../src/telemetry/health.ts';
import { silentLog } from '../../../src/telemetry/log.ts';
import { silentMeter } from '../../../src/telemetry/metrics.ts';
import { createManualClock, type ManualClock } from '../http/manual-clock.ts';
import { MemoryContentStore } from '../mirror/fakes/memory-content-store.ts';
import { createGate } from '../../support/gate.ts';
import { bytesOf, digestOf, eventually, objectOf, useDirectory } from './fixtures.ts';

const tickMs = 10_000;
/** Ten ticks. */
const everyMs = 100_000;

class WatchedStore extends MemoryContentStore {
  /** The digests that were read anew, in order. */
  readonly verified: string[] = [];
  onVerify: () => void = () => {};

  override async open(object: StoredObject): Promise<ContentReader | undefined> {
    const reader = await super.open(object);
    if (reader === undefined) return undefined;
    const verify = reader.verify.bind(reader);
    const watched = Object.assign(reader, {
      verify: async (options?: { isAnew?: boolean }) => {
        if (options?.isAnew === true) this.verified.push(object.digest);
        this.onVerify();
        return await verify(options);
      },
    });
    return watched;
  }
}

describe('a scrub', () => {
  let clock: ManualClock;
  let content: WatchedStore;
  let catalog: Catalog;
  let scrub: Scrub;
  let failures: string[];
  let objects: StoredObject[];

  // Before the directory goes.
  afterEach(async () => {
    await scrub.close();
    await catalog.close();
    expect(content.openFiles.size).toBe(0);
    expect(clock.pending).toBe(0);
  });
  const directory = useDirectory();
  beforeEach(async () => {
    clock = createManualClock(1_700_000_000_000);
    content = new WatchedStore();
    failures = [];
    objects = [];
    scrub = { close: () => Promise.resolve() };
    catalog = await openCatalog();
  });

  async function openCatalog(): Promise<Catalog> {
    const parts = { clock, log: silentLog, meter: silentMeter, health: createHealth() };
    const opened = await openSqliteCatalog({ path: join(directory(), 'catalog.db'), pins: [], ...parts });
    return opened.catalog;
  }

  async function fill(count: number): Promise<void> {
    for (let index = 0; index < count; index += 1) {
      const bytes = bytesOf(`${index}`, 10);
      const object = { ...objectOf(bytes), digest: digestOf(bytes, index % 2 === 0 ? 'sha256' : 'sha512') };
      objects.push(object);
      await content.put(object, bytes);
      void catalog.addContent(object, { mediaType: undefined });
    }
    await catalog.listEvictable('once', 1);
  }

  function start(every = everyMs): void {
    const parts = { content, catalog, log: silentLog, meter: silentMeter };
    const inventory = createInventory({ ...parts, findLost: () => Promise.resolve(undefined), onOrphan: () => {} });
    content.onDamaged = (object) => inventory.quarantine(object);
    const faults = {
      report: (operation: string) => void failures.push(operation),
      close: () => Promise.resolve(),
    };
    scrub = startScrub({ everyMs: every, catalog, inventory, faults, clock });
  }

  async function restart(): Promise<void> {
    await scrub.close();
    await catalog.close();
    catalog = await openCatalog();
    start();
  }

  /** Time goes on, and each tick does what it has to. */
  async function pass(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += tickMs) {
      clock.advance(tickMs);
      await eventually(() => clock.pending === 1);
    }
  }

  /** Four digits say where in a pass an object is. */
  const placeOf = (digest: string): string => digest.slice(7, 11);

  test('reads everything once within its time, in order, at an even pace', async () => {
    await fill(200);
    start();
    // The first tick begins the pass.
    await pass(tickMs);
    expect(content.verified).toEqual([]);
    await pass(everyMs / 2);
    const half = objects.filter(({ digest }) => placeOf(digest) < '8000').map(({ digest }) => digest);
    expect(new Set(content.verified)).toEqual(new Set(half));
    await pass(everyMs / 2);
    const places = content.verified.map(placeOf);
    expect(places).toEqual(places.toSorted());
    expect(content.verified.toSorted()).toEqual(objects.map(({ digest }) => digest).toSorted());
  });

  test('begins again when it is through', async () => {
    await fill(50);
    start();
    await pass(tickMs + everyMs);
    expect(content.verified).toHaveLength(50);
    await pass(everyMs);
    expect(content.verified).toHaveLength(100);
  });

  test('goes on where the last process was', async () => {
    await fill(200);
    start();
    await pass(tickMs + everyMs / 2);
    const before = content.verified.length;
    await restart();
    await pass(everyMs / 2);
    expect(before).toBeGreaterThan(50);
    expect(content.verified.length - before).toBeGreaterThan(50);
    expect(content.verified.toSorted()).toEqual(objects.map(({ digest }) => digest).toSorted());
  });

  test.each(['', 'garbage', '{}', 'null', '{"startedMs":9e15,"position":0}', '{"startedMs":0,"position":70000}'])(
    'begins anew when %j is what is left of the last pass',
    async (state) => {
      await fill(20);
      await catalog.setState('scrub', state);
      start();
      await pass(tickMs);
      expect(content.verified).toEqual([]);
      await pass(everyMs);
      expect(content.verified).toHaveLength(20);
    },
  );

  test('that comes late takes a quarter of the time, and no more', async () => {
    await fill(40);
    // Long ago: everything is due.
    await catalog.setState('scrub', JSON.stringify({ startedMs: 0, position: 0 }));
    content.onVerify = () => clock.advance(1000);
    start();
    await pass(tickMs);
    expect(content.verified).toHaveLength(3);
    await pass(tickMs);
    expect(content.verified).toHaveLength(6);
  });

  test('puts aside what has changed, of both algorithms, and takes the rows of what is missing', async () => {
    await fill(20);
    const [changed, changedToo, missing, missingToo] = objects;
    for (const object of [changed, changedToo]) if (object) content.objects.get(object.digest)?.bytes.fill(0);
    for (const object of [missing, missingToo]) if (object) content.objects.delete(object.digest);
    start();
    await pass(tickMs + everyMs);
    const quarantined = new Set(content.quarantined.map(({ digest }) => digest));
    expect(quarantined).toEqual(new Set([changed?.digest, changedToo?.digest]));
    const left = objects.filter(({ digest }) => catalog.findContent(digest) !== undefined);
    expect(left).toEqual(objects.slice(4));
    expect(failures).toEqual([]);
  });

  test('that meets what cannot be read reports it and goes on', async () => {
    await fill(10);
    start();
    content.failing.set('verify', new Error('EIO'));
    await pass(tickMs + everyMs / 2);
    content.failing.clear();
    content.failing.set('open', new Error('EMFILE'));
    await pass(everyMs / 2);
    expect(failures).toEqual(Array.from({ length: 10 }, () => 'scrub'));
    expect(catalog.totals().objects).toBe(10);
    content.failing.clear();
    content.verified.length = 0;
    await pass(everyMs);
    expect(content.verified).toHaveLength(10);
  });

  test('that never comes reads nothing', async () => {
    await fill(10);
    start(Infinity);
    await pass(1000 * everyMs);
    await scrub.close();
    expect(content.verified).toEqual([]);
  });

  test('that is closed ends after the object under way, and comes back to the others', async () => {
    await fill(10);
    await catalog.setState('scrub', JSON.stringify({ startedMs: 0, position: 0 }));
    const gate = createGate();
    content.verifying = gate.pass();
    start();
    clock.advance(tickMs);
    await eventually(() => content.verified.length === 1);
    let isClosed = false;
    const closed = scrub.close().then(() => (isClosed = true));
    await catalog.listEvictable('once', 1);
    expect(isClosed).toBe(false);
    gate.open();
    await closed;
    expect(content.verified).toHaveLength(1);
    await restart();
    await pass(tickMs);
    expect(new Set(content.verified).size).toBe(10);
  });

  test('that is closed leaves nothing out, also of those that lie beside each other', async () => {
    await fill(1000);
    const byPlace = Map.groupBy(objects, ({ digest }) => digest.slice(0, 11));
    const pair = [...byPlace.values()].find((beside) => beside.length > 1);
    if (pair === undefined) throw new Error('no two of a thousand lie beside each other');
    for (const object of objects) if (!pair.includes(object)) void catalog.removeContent(object.digest);
    await catalog.setState('scrub', JSON.stringify({ startedMs: 0, position: 0 }));
    const gate = createGate();
    content.verifying = gate.pass();
    start();
    clock.advance(tickMs);
    await eventually(() => content.verified.length === 1);
    const closed = scrub.close();
    gate.open();
    await closed;
    await restart();
    await pass(tickMs);
    expect(new Set(content.verified)).toEqual(new Set(pair.map(({ digest }) => digest)));
  });
});
