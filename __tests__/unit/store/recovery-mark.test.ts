import { expect, test } from '@jest/globals';
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { nodeFileSystem, type FileSystem } from '../../../src/store/file-system.ts';
import { openStore } from '../../../src/store/open-store.ts';
import { createStorePaths } from '../../../src/store/paths.ts';
import { createGate, type Gate } from '../../support/gate.ts';
import { bytesOf, objectOf, storeOptions, useDirectory } from './fixtures.ts';

const directory = useDirectory();

/** A disk on which listing directories waits. */
function holdListing(gate: Gate): FileSystem {
  const readdir = (async (path: string) => {
    await gate.pass();
    return await nodeFileSystem.readdir(path);
  }) as FileSystem['readdir'];
  return { ...nodeFileSystem, readdir };
}

test('a search that the end of the process cuts short leaves a mark, and what is asked for does not wait', async () => {
  const { restoring, catalog } = createStorePaths(directory());
  const bytes = bytesOf('a', 100);
  const object = objectOf(bytes);
  const first = await openStore(storeOptions(directory()));
  await first.whenRecovered;
  await first.content.put(object, bytes);
  await first.close();
  expect(existsSync(restoring)).toBe(false);
  await rm(catalog);

  const gate = createGate();
  const second = await openStore(storeOptions(directory(), { fs: holdListing(gate) }));
  await gate.reached;
  expect(second.catalog.findContent(object.digest)).toBeUndefined();
  expect(await second.inventory.find(object.digest)).toMatchObject(object);
  const closed = second.close();
  gate.open();
  await closed;
  // The database is as its owner left it: only the mark knows.
  expect(existsSync(restoring)).toBe(true);

  const third = await openStore(storeOptions(directory()));
  await third.whenRecovered;
  expect(existsSync(restoring)).toBe(false);
  await third.close();
});
