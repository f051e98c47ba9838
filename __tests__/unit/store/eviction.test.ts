import { describe, expect, test } from '@jest/globals';
import { utimes } from 'node:fs/promises';
import { createStorePaths } from '../../../src/store/paths.ts';
import { openStore, type Store } from '../../../src/store/open-store.ts';
import type { StoredObject } from '../../../src/store/content-store.ts';
import {
  bytesOf,
  eventually,
  FakeClock,
  lookEveryMs,
  nextTurn,
  objectOf,
  storeOptions,
  useDirectory,
} from './fixtures.ts';

const full = Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
const noType = { mediaType: undefined };
const manifestType = { mediaType: 'application/vnd.oci.image.manifest.v1+json' };

describe('the quota', () => {
  const directory = useDirectory();

  async function use(maxSizeBytes: number, run: (store: Store, clock: FakeClock) => Promise<void>): Promise<void> {
    const clock = new FakeClock();
    clock.nowMs = Date.now();
    const store = await openStore(storeOptions(directory(), { maxSizeBytes, clock }));
    try {
      await run(store, clock);
    } finally {
      await store.close();
    }
  }

  async function add(
    store: Store,
    clock: FakeClock,
    name: string,
    facts = noType as { mediaType: string | undefined },
    sizeBytes = 10_000,
  ) {
    clock.advance(1);
    const bytes = bytesOf(name, sizeBytes);
    const object = objectOf(bytes);
    const release = store.space.reserve(bytes.length);
    await store.content.put(object, bytes);
    await store.catalog.addContent(object, facts);
    release();
    return object;
  }

  async function park(store: Store, name: string): Promise<StoredObject> {
    const bytes = bytesOf(name, 8192);
    const object = objectOf(bytes);
    const partial = await store.content.begin(object.digest);
    await partial.write(0, bytes);
    await partial.saveJournal({ spans: [{ start: 0, end: 8192 }], sizeBytes: undefined });
    await partial.park();
    await partial.close();
    return object;
  }

  async function isHere(store: Store, object: StoredObject): Promise<boolean> {
    const reader = await store.content.open(object);
    reader?.close();
    // The books and the disk say the same.
    expect(reader !== undefined).toBe(store.catalog.findContent(object.digest) !== undefined);
    return reader !== undefined;
  }

  test('above it the least recently used content goes, down to the low watermark, manifests last', () =>
    use(100_000, async (store, clock) => {
      const manifest = await add(store, clock, 'manifest', manifestType, 4000);
      const objects: StoredObject[] = [];
      for (let index = 0; index < 9; index += 1) objects.push(await add(store, clock, `o${index}`));
      clock.advance(1000);
      const [first, second] = objects;
      if (first === undefined || second === undefined) throw new Error('no objects');
      store.catalog.touchContent(first.digest);
      expect(store.catalog.totals().bytes).toBe(94_000);
      const last = await add(store, clock, 'last');
      await eventually(() => store.catalog.totals().bytes <= 95_000);
      expect(store.catalog.totals().bytes).toBe(94_000);
      expect(await isHere(store, manifest)).toBe(true);
      expect(await isHere(store, first)).toBe(true);
      expect(await isHere(store, last)).toBe(true);
      expect(await isHere(store, second)).toBe(false);
    }));

  test('bytes on their way in count, and make room before they are here', () =>
    use(100_000, async (store, clock) => {
      const objects: StoredObject[] = [];
      for (let index = 0; index < 10; index += 1) objects.push(await add(store, clock, `o${index}`));
      const release = store.space.reserve(40_000);
      expect(store.space.usage()).toMatchObject({ contentBytes: 100_000, reservedBytes: 40_000 });
      await eventually(() => store.catalog.totals().bytes <= 55_000);
      expect(store.catalog.totals().bytes).toBe(50_000);
      release();
      release();
      expect(store.space.usage().reservedBytes).toBe(0);
    }));

  test('an object larger than the quota does not fit, beside others it must fit too, and nothing goes', () =>
    use(100_000, async (store, clock) => {
      const object = await add(store, clock, 'a');
      expect(store.space.fits(100_001)).toBe(false);
      expect(store.space.fits(100_000)).toBe(true);
      const release = store.space.reserve(60_000);
      expect(store.space.fits(40_001)).toBe(false);
      expect(store.space.fits(40_000)).toBe(true);
      release();
      expect(await isHere(store, object)).toBe(true);
    }));

  test('parked files count, and go before any content', () =>
    use(107_000, async (store, clock) => {
      await park(store, 'parked');
      const objects: StoredObject[] = [];
      for (let index = 0; index < 9; index += 1) objects.push(await add(store, clock, `o${index}`));
      clock.advance(lookEveryMs);
      await eventually(() => store.space.usage().leftoverBytes === 8192);
      objects.push(await add(store, clock, 'last'));
      await eventually(() => store.space.usage().leftoverBytes === 0);
      expect(await store.content.listLeftovers()).toEqual([]);
      expect(store.catalog.totals().objects).toBe(10);
    }));

  test('parked files expire after a day', () =>
    use(0, async (store, clock) => {
      const parked = await park(store, 'parked');
      await park(store, 'young');
      const path = createStorePaths(directory()).partial(parked.digest);
      const old = new Date(clock.wallMs() - 25 * 3_600_000);
      await utimes(path, old, old);
      clock.advance(10 * 60_000);
      while ((await store.content.listLeftovers()).length === 2) await nextTurn();
      expect(await store.content.listLeftovers()).toHaveLength(1);
    }));

  test('a running partial file is not taken', () =>
    use(10_000, async (store) => {
      const bytes = bytesOf('a', 8192);
      const object = objectOf(bytes);
      const partial = await store.content.begin(object.digest);
      await partial.write(0, bytes);
      const release = store.space.reserve(20_000);
      expect(await store.space.makeRoom(1, full)).toBe(false);
      expect(await partial.verify(8192)).toBe(true);
      await partial.commit(object);
      await partial.close();
      release();
    }));

  test('a full disk is made room on, also without a quota', () =>
    use(0, async (store, clock) => {
      const objects = [await add(store, clock, 'a'), await add(store, clock, 'b')];
      const made = await Promise.all([store.space.makeRoom(100, full), store.space.makeRoom(100, full)]);
      expect(made).toEqual([true, true]);
      for (const object of objects) expect(await isHere(store, object)).toBe(false);
      expect(await store.space.makeRoom(100, full)).toBe(false);
    }));

  test('without a limit everything fits and stays', () =>
    use(0, async (store, clock) => {
      expect(store.space.fits(Number.MAX_SAFE_INTEGER)).toBe(true);
      store.space.reserve(1e15);
      const object = await add(store, clock, 'a');
      expect(await isHere(store, object)).toBe(true);
    }));
});
