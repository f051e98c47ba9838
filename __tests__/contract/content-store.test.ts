import { describe } from '@jest/globals';
import { mkdir } from 'node:fs/promises';
import { createDiskContentStore } from '../../src/store/disk-content-store.ts';
import { createHashPool } from '../../src/store/hash-pool.ts';
import { createStorePaths } from '../../src/store/paths.ts';
import { useDirectory } from '../unit/store/fixtures.ts';
import { contentStoreContract } from './content-store.ts';

describe('the content store on disk', () => {
  const directory = useDirectory();
  contentStoreContract(async (run) => {
    const hashes = createHashPool();
    const paths = createStorePaths(directory());
    await mkdir(paths.fills);
    const open = () => createDiskContentStore({ paths, hashes, onDamaged: () => Promise.resolve() });
    try {
      await run({ store: open(), reopen: () => Promise.resolve(open()) });
    } finally {
      await hashes.close();
    }
  });
});
