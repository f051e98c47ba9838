import { expect, test } from '@jest/globals';
import { createDiskRoom } from '../../../src/store/disk-room.ts';
import { openStore, type Store } from '../../../src/store/open-store.ts';
import { createSpace, type Space } from '../../../src/store/space.ts';
import { silentEvents } from '../../../src/telemetry/events.ts';
import { silentLog } from '../../../src/telemetry/log.ts';
import { silentMeter } from '../../../src/telemetry/metrics.ts';
import { bytesOf, eventually, FakeClock, objectOf, storeOptions, useDirectory } from './fixtures.ts';

const directory = useDirectory();

interface Disk {
  freeBytes: number;
  totalBytes: number;
  freeFiles?: number;
}

/** A store with five objects of 10,000 bytes, and the books over a disk that the test owns. */
async function use(disk: Disk, run: (space: Space, store: Store) => Promise<void>): Promise<void> {
  const parts = { clock: new FakeClock(), log: silentLog, meter: silentMeter, events: silentEvents };
  const store = await openStore(storeOptions(directory(), parts));
  for (let index = 0; index < 5; index += 1) {
    const bytes = bytesOf(`o${index}`, 10_000);
    await store.content.put(objectOf(bytes), bytes);
    await store.catalog.addContent(objectOf(bytes), { mediaType: undefined });
  }
  const readDisk = async () => await Promise.resolve({ freeFiles: Infinity, ...disk });
  const room = createDiskRoom({ minFreeBytes: 100_000, readDisk });
  const space = createSpace({ maxSizeBytes: 0, maxIdleMs: Infinity, room, ...store, ...parts });
  try {
    await run(space, store);
  } finally {
    await space.close();
    await store.close();
  }
}

test('what others take from the disk is given back by evicting', () =>
  use({ freeBytes: 80_000, totalBytes: 10_000_000 }, async (_space, store) => {
    await eventually(() => store.catalog.totals().bytes <= 30_000);
    expect(store.catalog.totals().bytes).toBe(30_000);
  }));

test('an object fits into what is spare and what can be evicted, beside what is on its way', () =>
  use({ freeBytes: 160_000, totalBytes: 10_000_000 }, async (space, store) => {
    await eventually(() => !space.fits(110_001));
    expect(space.fits(110_000)).toBe(true);
    const release = space.reserve(50_000);
    expect(space.fits(60_001)).toBe(false);
    expect(space.fits(60_000)).toBe(true);
    release();
    expect(store.catalog.totals().bytes).toBe(50_000);
  }));

test('of a small disk no more than a tenth stays free', () =>
  use({ freeBytes: 30_000, totalBytes: 200_000 }, async (space, store) => {
    await eventually(() => !space.fits(60_001));
    expect(space.fits(60_000)).toBe(true);
    expect(store.catalog.totals().bytes).toBe(50_000);
  }));
