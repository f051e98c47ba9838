import { describe, expect, test } from '@jest/globals';
import { utimes } from 'node:fs/promises';
import type { StoredObject } from '../../../src/store/content-store.ts';
import { nodeFileSystem, type FileSystem } from '../../../src/store/file-system.ts';
import { openStore, type Store, type StoreOptions } from '../../../src/store/open-store.ts';
import { createStorePaths } from '../../../src/store/paths.ts';
import { bytesOf, eventually, FakeClock, lookEveryMs, objectOf, storeOptions, useDirectory } from './fixtures.ts';

const directory = useDirectory();
const day = 24 * 60 * 60 * 1000;
const full = Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });

async function use(
  options: Partial<StoreOptions>,
  run: (store: Store, clock: FakeClock) => Promise<void>,
): Promise<void> {
  const clock = new FakeClock();
  clock.nowMs = Date.now();
  const store = await openStore(storeOptions(directory(), { clock, ...options }));
  try {
    await store.whenRecovered;
    await run(store, clock);
  } finally {
    await store.close();
  }
}

async function add(store: Store, name: string, sizeBytes = 10_000): Promise<StoredObject> {
  const bytes = bytesOf(name, sizeBytes);
  const object = objectOf(bytes);
  await store.content.put(object, bytes);
  await store.catalog.addContent(object, { mediaType: undefined });
  return object;
}

/** A reader that never ends before the test says so. */
async function open(store: Store, object: StoredObject) {
  const reader = await store.content.open(object);
  if (reader === undefined) throw new Error('the object is not there');
  return reader;
}

describe('what was put aside', () => {
  test('counts, and goes before any content', () =>
    use({ maxSizeBytes: 107_000 }, async (store, clock) => {
      const bad = await add(store, 'bad');
      await store.inventory.quarantine(bad);
      for (let index = 0; index < 9; index += 1) await add(store, `o${index}`);
      store.space.reserve(0)();
      clock.advance(lookEveryMs);
      await eventually(() => store.space.usage().leftoverBytes > 0);
      expect(store.space.usage()).toMatchObject({ contentBytes: 90_000, leftoverBytes: 12_288 });
      expect(store.catalog.totals().objects).toBe(9);
      const release = store.space.reserve(10_000);
      await eventually(() => store.space.usage().leftoverBytes === 0);
      await store.space.close();
      expect(await store.content.listLeftovers()).toEqual([]);
      expect(store.catalog.totals().objects).toBe(9);
      release();
    }));

  test('expires after a week', () =>
    use({}, async (store, clock) => {
      const paths = createStorePaths(directory());
      for (const [name, days] of [
        ['old', 7.1],
        ['young', 6.9],
      ] as const) {
        const object = await add(store, name);
        await store.inventory.quarantine(object);
        const changed = new Date(clock.wallMs() - days * day);
        await utimes(paths.quarantined(object.digest), changed, changed);
      }
      clock.advance(60_000);
      await eventually(() => store.space.usage().leftoverBytes > 0);
      const left = await store.content.listLeftovers();
      expect(left.map(({ digest }) => digest)).toEqual([objectOf(bytesOf('young', 10_000)).digest]);
    }));
});

describe('what was deleted while it is read', () => {
  test('counts until it is closed', () =>
    use({ maxSizeBytes: 100_000 }, async (store) => {
      const object = await add(store, 'a', 40_000);
      const reader = await open(store, object);
      const record = store.catalog.findContent(object.digest);
      if (record !== undefined) await store.inventory.remove(record);
      expect(store.space.usage()).toMatchObject({ contentBytes: 0, lingeringBytes: 40_000 });
      expect([store.space.fits(60_001), store.space.fits(60_000)]).toEqual([false, true]);
      reader.close();
      await eventually(() => store.space.fits(100_000));
      expect(store.space.usage().lingeringBytes).toBe(0);
    }));

  test('counts against the quota like what is here', () =>
    use({ maxSizeBytes: 100_000 }, async (store) => {
      const object = await add(store, 'a', 60_000);
      const reader = await open(store, object);
      const row = store.catalog.findContent(object.digest);
      if (row !== undefined) await store.inventory.remove(row);
      for (const name of ['b', 'c']) await add(store, name, 20_000);
      const release = store.space.reserve(10_000);
      await eventually(() => store.catalog.totals().bytes <= 20_000);
      expect(store.space.usage()).toMatchObject({ contentBytes: 20_000, lingeringBytes: 60_000 });
      reader.close();
      release();
    }));

  test('makes others go in its place: the bound is for all bytes', () =>
    use({ maxSizeBytes: 100_000 }, async (store, clock) => {
      const objects: StoredObject[] = [];
      for (let index = 0; index < 10; index += 1) {
        clock.advance(1);
        objects.push(await add(store, `o${index}`));
      }
      const [first] = objects;
      if (first === undefined) throw new Error('there are ten');
      const reader = await open(store, first);
      const release = store.space.reserve(10_000);
      // Down to 95,000 with the reserved bytes and those that linger.
      await eventually(() => store.catalog.totals().bytes <= 70_000);
      expect(store.space.usage()).toMatchObject({ contentBytes: 70_000, lingeringBytes: 10_000 });
      reader.close();
      release();
    }));

  test('is no room on a full disk', () =>
    use({}, async (store) => {
      const objects = [await add(store, 'a'), await add(store, 'b')];
      const readers = await Promise.all(objects.map((object) => open(store, object)));
      expect(await store.space.makeRoom(100, full)).toBe(false);
      for (const reader of readers) reader.close();
    }));
});

describe('what is pinned', () => {
  test('takes its room from the quota for good: what does not fit beside it does not fit', () => {
    const pin = { type: 'digest', digest: objectOf(bytesOf('pinned', 80_000)).digest } as const;
    return use({ maxSizeBytes: 100_000, pins: [pin] }, async (store) => {
      await add(store, 'pinned', 80_000);
      expect(store.space.fits(100_000)).toBe(true);
      await store.catalog.applyPins();
      expect([store.space.fits(20_001), store.space.fits(20_000)]).toEqual([false, true]);
      const release = store.space.reserve(15_000);
      expect([store.space.fits(5001), store.space.fits(5000)]).toEqual([false, true]);
      release();
    });
  });

  test('stays above the quota when it fills it, and the rest goes', () => {
    const pin = { type: 'digest', digest: objectOf(bytesOf('pinned', 120_000)).digest } as const;
    return use({ maxSizeBytes: 100_000, pins: [pin] }, async (store) => {
      const pinned = await add(store, 'pinned', 120_000);
      await add(store, 'a');
      store.space.reserve(0)();
      await eventually(() => store.catalog.totals().objects === 1);
      expect(store.catalog.findContent(pinned.digest)).toMatchObject(pinned);
      expect(store.space.fits(1)).toBe(false);
    });
  });
});

describe('what nobody has used for long', () => {
  test('expires at the next sweep, without a quota', () =>
    use({ maxIdleMs: day }, async (store, clock) => {
      const [, young] = [await add(store, 'a'), await add(store, 'b')];
      clock.advance(day - 60_000);
      store.catalog.touchContent(young.digest);
      clock.advance(60_000);
      await eventually(() => store.space.usage().contentBytes <= 20_000);
      expect(store.catalog.totals().objects).toBe(2);
      clock.advance(60_000);
      await eventually(() => store.catalog.totals().objects < 2);
      expect(store.catalog.findContent(young.digest)).toMatchObject(young);
    }));
});

describe('a disk on which nothing can be deleted', () => {
  test('is given up for this time, everything stays what it is, and later it goes', () => {
    let isReadOnly = true;
    const unlink = (async (path: string) => {
      if (isReadOnly) throw Object.assign(new Error('read-only file system'), { code: 'EROFS' });
      await nodeFileSystem.unlink(path);
    }) as FileSystem['unlink'];
    return use({ maxSizeBytes: 100_000, fs: { ...nodeFileSystem, unlink } }, async (store, clock) => {
      for (let index = 0; index < 12; index += 1) await add(store, `o${index}`);
      expect(await store.space.makeRoom(1, full)).toBe(false);
      expect(store.catalog.totals()).toEqual({ objects: 12, bytes: 120_000 });
      isReadOnly = false;
      clock.advance(60_000);
      await eventually(() => store.catalog.totals().bytes <= 95_000);
      expect(store.catalog.totals().bytes).toBe(90_000);
    });
  });
});

describe('room on a full disk', () => {
  test('is not made for failures of another kind', () =>
    use({}, async (store) => {
      await add(store, 'a');
      for (const error of [new Error('EIO'), Object.assign(new Error('x'), { code: 'EIO' }), undefined]) {
        expect(await store.space.makeRoom(1, error)).toBe(false);
      }
      expect(store.catalog.totals().objects).toBe(1);
      expect(await store.space.makeRoom(1, Object.assign(new Error('x'), { code: 'EDQUOT' }))).toBe(true);
    }));
});
