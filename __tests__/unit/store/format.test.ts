import { describe, expect, test } from '@jest/globals';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { checkStoreFormat } from '../../../src/store/format.ts';
import { StoreStartError } from '../../../src/store/start-error.ts';
import { useDirectory } from './fixtures.ts';

describe('the format number', () => {
  const directory = useDirectory();

  test('is written where there is none, or where it was cut off', async () => {
    const path = join(directory(), 'format');
    await checkStoreFormat(path);
    expect(await readFile(path, 'utf8')).toBe('2\n');
    await writeFile(path, '');
    await checkStoreFormat(path);
    expect(await readFile(path, 'utf8')).toBe('2\n');
    await checkStoreFormat(path);
  });

  test('of a newer version is refused, with both numbers, and left alone', async () => {
    const path = join(directory(), 'format');
    await writeFile(path, '7\n');
    await expect(checkStoreFormat(path)).rejects.toThrow(StoreStartError);
    await expect(checkStoreFormat(path)).rejects.toThrow(/format 7.*up to 2/);
    expect(await readFile(path, 'utf8')).toBe('7\n');
  });
});
