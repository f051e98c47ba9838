import { expect, test } from '@jest/globals';
import { mkdir } from 'node:fs/promises';
import type { ContentStore } from '../../../src/store/content-store.ts';
import { createDiskContentStore } from '../../../src/store/disk-content-store.ts';
import { nodeFileSystem, type FileSystem } from '../../../src/store/file-system.ts';
import { createHashPool } from '../../../src/store/hash-pool.ts';
import { createStorePaths } from '../../../src/store/paths.ts';
import { createGate, type Gate } from '../../support/gate.ts';
import { bytesOf, objectOf, useDirectory } from './fixtures.ts';

const directory = useDirectory();
const bytes = bytesOf('a', 1000);
const object = objectOf(bytes);

/** A store on a disk on which deletions wait from `hold` on until the test opens its gate. */
async function use(run: (store: ContentStore, hold: () => Gate) => Promise<void>): Promise<void> {
  const paths = createStorePaths(directory());
  for (const path of [paths.fills, paths.quarantine]) await mkdir(path);
  const hashes = createHashPool();
  let gate: Gate | undefined;
  const unlink = (async (path: string) => {
    await gate?.pass();
    await nodeFileSystem.unlink(path);
  }) as FileSystem['unlink'];
  const fs = { ...nodeFileSystem, unlink };
  try {
    await run(createDiskContentStore({ paths, hashes, fs, onDamaged: () => Promise.resolve() }), () => {
      gate = createGate();
      return gate;
    });
  } finally {
    await hashes.close();
  }
}

/** Whatever does not wait has been done: this takes as many steps. */
async function letOthersRun(store: ContentStore): Promise<void> {
  for (let round = 0; round < 3; round += 1) await store.put(objectOf(bytesOf('other', 10)), bytesOf('other', 10));
}

async function isHere(store: ContentStore): Promise<boolean> {
  const reader = await store.open(object);
  reader?.close();
  return reader !== undefined;
}

test('an object that is put while its removal is under way comes after it', () =>
  use(async (store, hold) => {
    await store.put(object, bytes);
    const gate = hold();
    const removed = store.remove(object);
    await gate.reached;
    let isPut = false;
    const put = store.put(object, bytes).then(() => (isPut = true));
    await letOthersRun(store);
    expect(isPut).toBe(false);
    gate.open();
    await Promise.all([removed, put]);
    expect(await isHere(store)).toBe(true);
  }));

test('a digest that is begun while its parked file is being removed begins anew', () =>
  use(async (store, hold) => {
    const first = await store.begin(object.digest);
    await first.write(0, bytes);
    await first.saveJournal({ spans: [{ start: 0, end: 1000 }], sizeBytes: 1000 });
    await first.park();
    await first.close();
    const [leftover] = await store.listLeftovers();
    if (leftover === undefined) throw new Error('nothing was parked');
    const gate = hold();
    const removed = store.removeLeftover(leftover);
    await gate.reached;
    const begun = store.begin(object.digest);
    await letOthersRun(store);
    gate.open();
    expect(await removed).toBe(true);
    const second = await begun;
    expect(second.recovered.spans).toEqual([]);
    await second.write(0, bytes);
    expect(await second.verify(1000)).toBe(true);
    await second.commit(object);
    await second.close();
    expect(await isHere(store)).toBe(true);
  }));

test('what is looked for while its removal is under way is not found', () =>
  use(async (store, hold) => {
    await store.put(object, bytes);
    const gate = hold();
    const removed = store.remove(object);
    await gate.reached;
    const found = store.find(object);
    await letOthersRun(store);
    gate.open();
    expect(await found).toBeUndefined();
    await removed;
  }));

test.each(['promote', 'quarantine'] as const)('a removal that is under way wins over %s', (change) =>
  use(async (store, hold) => {
    const secret = { ...object, provenance: 'restricted' } as const;
    await store.put(secret, bytes);
    const gate = hold();
    const removed = store.remove(secret);
    await gate.reached;
    const changed = store[change](secret);
    await letOthersRun(store);
    gate.open();
    await Promise.all([removed, changed]);
    expect(await isHere(store)).toBe(false);
    expect(await store.listLeftovers()).toEqual([]);
  }),
);
