import { describe } from '@jest/globals';
import { stat, mkdir, writeFile } from 'node:fs/promises';
import type { StoredObject } from '../../src/store/content-store.ts';
import { createDiskContentStore } from '../../src/store/disk-content-store.ts';
import { createHashPool } from '../../src/store/hash-pool.ts';
import { createStorePaths } from '../../src/store/paths.ts';
import { nextTurn, useDirectory } from '../unit/store/fixtures.ts';
import { contentStoreContract } from './content-store.ts';

describe('the content store on disk', () => {
  const directory = useDirectory();
  contentStoreContract(async (run) => {
    const hashes = createHashPool();
    const paths = createStorePaths(directory());
    for (const path of [paths.fills, paths.quarantine]) await mkdir(path);
    const damaged: StoredObject[] = [];
    let reported = Promise.resolve();
    const onDamaged = async (object: StoredObject): Promise<void> => {
      damaged.push(object);
      await reported;
    };
    const open = () => createDiskContentStore({ paths, hashes, onDamaged });
    try {
      await run({
        store: open(),
        damaged,
        reopen: () => Promise.resolve(open()),
        holdReports() {
          const { promise, resolve } = Promise.withResolvers<void>();
          reported = promise;
          return resolve;
        },
        change: (name, bytes) => overwrite(paths.blob(name), bytes),
      });
    } finally {
      await hashes.close();
    }
  });
});

/** Until the file's times say so: some kernels count them in steps of some milliseconds. */
async function overwrite(path: string, bytes: Uint8Array): Promise<void> {
  const { ctimeMs } = await stat(path);
  do {
    await writeFile(path, bytes);
    await nextTurn();
  } while ((await stat(path)).ctimeMs === ctimeMs);
}
