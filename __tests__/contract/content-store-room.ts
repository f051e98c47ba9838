import { expect } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import type { ContentStore, Leftover, StoredObject } from '../../src/store/content-store.ts';
import { eventually, objectOf } from '../unit/store/fixtures.ts';
import { listAll, openObject, type Check } from './subject.ts';

const bytes = randomBytes(100_000);
const object = objectOf(bytes);

/** What takes room without being content. */
export function leftovers(check: Check): void {
  check('what was put aside is served to nobody and is a leftover, like what was parked', async ({ store, reopen }) => {
    const parked = objectOf(randomBytes(50_000));
    await store.put(object, bytes);
    await park(store, parked);
    await store.quarantine(object);
    await store.quarantine(object);
    expect(await store.open(object)).toBeUndefined();
    expect(await listAll(store)).toEqual([]);
    for (const subject of [store, await reopen()]) {
      const found = await listByType(subject);
      expect(found).toMatchObject([
        { type: 'parked', digest: parked.digest },
        { type: 'quarantined', digest: object.digest },
      ]);
      expect(found[0]?.heldBytes).toBeGreaterThanOrEqual(50_000);
      expect(found[1]?.heldBytes).toBeGreaterThanOrEqual(100_000);
      for (const { changedMs } of found) expect(Math.abs(Date.now() - changedMs)).toBeLessThan(600_000);
    }
  });

  check('what was parked and what was put aside under one digest go each for itself', async ({ store }) => {
    await store.put(object, bytes);
    await store.quarantine(object);
    await park(store, object);
    const [parked, quarantined] = await listByType(store);
    if (parked === undefined || quarantined === undefined) throw new Error('a leftover is missing');
    expect(await store.removeLeftover(quarantined)).toBe(true);
    expect(await store.listLeftovers()).toEqual([parked]);
    expect(await store.removeLeftover(parked)).toBe(true);
    expect(await store.listLeftovers()).toEqual([]);
    const partial = await store.begin(object.digest);
    expect(partial.recovered).toEqual({ spans: [], sizeBytes: undefined });
    await partial.abort();
    await partial.close();
  });

  check('the same digest can be put aside again, and be content beside that', async ({ store }) => {
    for (let round = 0; round < 2; round += 1) {
      await store.put(object, bytes);
      await store.quarantine(object);
    }
    await store.put(object, bytes);
    expect(await store.listLeftovers()).toHaveLength(1);
    expect(await listAll(store)).toEqual([object]);
  });
}

/** What was deleted while somebody reads it. */
export function lingering(check: Check): void {
  check('an object that is removed lingers until its last reader has closed', async ({ store }) => {
    await store.put(object, bytes);
    const readers = [await openObject(store, object), await openObject(store, object)];
    expect(store.lingeringBytes()).toBe(0);
    await store.remove(object);
    expect(store.lingeringBytes()).toBe(100_000);
    await store.remove(object);
    await store.put(object, bytes);
    const young = await openObject(store, object);
    expect(store.lingeringBytes()).toBe(100_000);
    readers[0]?.close();
    young.close();
    expect(store.lingeringBytes()).toBe(100_000);
    readers[1]?.close();
    await eventually(() => store.lingeringBytes() === 0);
  });

  check('an object that is replaced lingers, and one that nobody reads does not', async ({ store }) => {
    await store.put(object, bytes);
    const reader = await openObject(store, object);
    await store.put(object, bytes);
    expect(store.lingeringBytes()).toBe(100_000);
    await store.put(object, bytes);
    await store.remove(object);
    expect(store.lingeringBytes()).toBe(100_000);
    reader.close();
    await eventually(() => store.lingeringBytes() === 0);
  });

  check('an object that is promoted or put aside is still on the disk, and lingers when it goes', async ({ store }) => {
    const secret: StoredObject = { ...object, provenance: 'restricted' };
    await store.put(secret, bytes);
    const reader = await openObject(store, secret);
    await store.promote(secret);
    expect(store.lingeringBytes()).toBe(0);
    await store.quarantine(object);
    expect(store.lingeringBytes()).toBe(0);
    const [leftover] = await store.listLeftovers();
    if (leftover === undefined) throw new Error('the leftover is missing');
    await store.removeLeftover(leftover);
    expect(store.lingeringBytes()).toBeGreaterThanOrEqual(100_000);
    reader.close();
    await eventually(() => store.lingeringBytes() === 0);
  });

  check('a promotion onto what is public already takes its place', async ({ store }) => {
    const secret: StoredObject = { ...object, provenance: 'restricted' };
    await store.put(object, bytes);
    await store.put(secret, bytes);
    const reader = await openObject(store, object);
    await store.promote(secret);
    expect(store.lingeringBytes()).toBe(100_000);
    expect(await listAll(store)).toEqual([object]);
    reader.close();
    await eventually(() => store.lingeringBytes() === 0);
  });

  check('a partial file that is given up lingers with what it has written, until it is closed', async ({ store }) => {
    const partial = await store.begin(object.digest);
    await partial.write(1_000_000, bytes);
    await partial.abort();
    expect(store.lingeringBytes()).toBeGreaterThanOrEqual(100_000);
    expect(store.lingeringBytes()).toBeLessThan(500_000);
    await partial.close();
    expect(store.lingeringBytes()).toBe(0);
  });

  check('a parked file that is removed lingers while it is read', async ({ store }) => {
    const partial = await store.begin(object.digest);
    await partial.write(0, bytes);
    await partial.park();
    const [leftover] = await store.listLeftovers();
    if (leftover === undefined) throw new Error('the leftover is missing');
    expect(await store.removeLeftover(leftover)).toBe(true);
    expect(store.lingeringBytes()).toBe(leftover.heldBytes);
    await partial.close();
    expect(store.lingeringBytes()).toBe(0);
  });

  check('content that goes while those who followed its coming still read it lingers', async ({ store }) => {
    const partial = await store.begin(object.digest);
    await partial.write(0, bytes);
    await partial.commit(object);
    expect(store.lingeringBytes()).toBe(0);
    await store.remove(object);
    expect(store.lingeringBytes()).toBe(100_000);
    const into = Buffer.alloc(100_000);
    await partial.read(0, into);
    expect(into).toEqual(bytes);
    await partial.close();
    expect(store.lingeringBytes()).toBe(0);
  });

  check('a pass over a closed reader holds what is deleted', async ({ store, damaged, holdReports }) => {
    await store.put(object, randomBytes(100_000));
    const reader = await openObject(store, object);
    const release = holdReports();
    const verdict = reader.verify();
    reader.close();
    await eventually(() => damaged.length > 0);
    await store.remove(object);
    expect(store.lingeringBytes()).toBe(100_000);
    release();
    expect(await verdict).toBe(false);
    await eventually(() => store.lingeringBytes() === 0);
  });
}

async function park(store: ContentStore, { digest, sizeBytes }: StoredObject): Promise<void> {
  const partial = await store.begin(digest);
  await partial.write(0, bytes.subarray(0, sizeBytes));
  await partial.saveJournal({ spans: [{ start: 0, end: sizeBytes }], sizeBytes });
  await partial.park();
  await partial.close();
}

async function listByType(store: ContentStore): Promise<readonly Leftover[]> {
  return (await store.listLeftovers()).toSorted((a, b) => a.type.localeCompare(b.type));
}
