import { expect, test } from '@jest/globals';
import { mkdir } from 'node:fs/promises';
import type { ContentStore } from '../../../src/store/content-store.ts';
import { createDiskContentStore } from '../../../src/store/disk-content-store.ts';
import { nodeFileSystem, type FileSystem } from '../../../src/store/file-system.ts';
import { createHashPool } from '../../../src/store/hash-pool.ts';
import { createStorePaths } from '../../../src/store/paths.ts';
import { createGate, type Gate } from '../../support/gate.ts';
import { bytesOf, nextTurn, objectOf, useDirectory } from './fixtures.ts';

const directory = useDirectory();
const bytes = bytesOf('a', 1000);
const object = objectOf(bytes);

/** A store on a disk on which the next deletion waits for the test. */
async function use(run: (store: ContentStore, gate: Gate) => Promise<void>): Promise<void> {
  const paths = createStorePaths(directory());
  for (const path of [paths.fills, paths.quarantine]) await mkdir(path);
  const hashes = createHashPool();
  const gate = createGate();
  const unlink = (async (path: string) => {
    await gate.pass();
    await nodeFileSystem.unlink(path);
  }) as FileSystem['unlink'];
  const fs = { ...nodeFileSystem, unlink };
  try {
    await run(createDiskContentStore({ paths, hashes, fs, onDamaged: () => Promise.resolve() }), gate);
  } finally {
    await hashes.close();
  }
}

async function isHere(store: ContentStore): Promise<boolean> {
  const reader = await store.open(object);
  reader?.close();
  return reader !== undefined;
}

test('an object that is put while its removal is under way comes after it', () =>
  use(async (store, gate) => {
    await store.put(object, bytes);
    const removed = store.remove(object);
    await gate.reached;
    let isPut = false;
    const put = store.put(object, bytes).then(() => (isPut = true));
    await store.put(objectOf(bytesOf('other', 10)), bytesOf('other', 10));
    expect(isPut).toBe(false);
    gate.open();
    await Promise.all([removed, put]);
    expect(await isHere(store)).toBe(true);
  }));

test('a digest that is begun while its parked file is being removed begins anew', () =>
  use(async (store, gate) => {
    gate.open();
    const first = await store.begin(object.digest);
    await first.write(0, bytes);
    await first.saveJournal({ spans: [{ start: 0, end: 1000 }], sizeBytes: 1000 });
    await first.park();
    await first.close();
    const [leftover] = await store.listLeftovers();
    if (leftover === undefined) throw new Error('nothing was parked');
    const [removed, second] = await Promise.all([store.removeLeftover(leftover), store.begin(object.digest)]);
    // Who begins first has it.
    expect(second.recovered.spans).toEqual(removed ? [] : [{ start: 0, end: 1000 }]);
    await second.write(0, bytes);
    expect(await second.verify(1000)).toBe(true);
    await second.commit(object);
    await second.close();
    expect(await isHere(store)).toBe(true);
  }));

test('what is looked for while its removal is under way is not found', () =>
  use(async (store, gate) => {
    await store.put(object, bytes);
    const removed = store.remove(object);
    await gate.reached;
    const found = store.find(object);
    await nextTurn();
    gate.open();
    expect(await found).toBeUndefined();
    await removed;
  }));

test('what is promoted while its removal is under way is gone', () =>
  use(async (store, gate) => {
    const secret = { ...object, provenance: 'restricted' } as const;
    await store.put(secret, bytes);
    const removed = store.remove(secret);
    await gate.reached;
    const promoted = store.promote(secret);
    await nextTurn();
    gate.open();
    await Promise.all([removed, promoted]);
    expect(await isHere(store)).toBe(false);
  }));
