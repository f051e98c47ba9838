import { readFile } from 'node:fs/promises';
import { isMissing, replaceFile } from './files.ts';

/** The layout of the directory that this version reads and writes. */
const storeFormat = 2;

/** The directory was written by a newer version. */
export class StoreFormatError extends Error {
  constructor(found: number) {
    super(`the cache directory has format ${found}; this version knows formats up to ${storeFormat}`);
    this.name = 'StoreFormatError';
  }
}

/**
 * Checks the number in the file `format`, and writes it where there is none. A file that holds no number
 * was cut off by a crash or a full disk: it is written again.
 * @throws StoreFormatError for a newer number.
 */
export async function checkStoreFormat(path: string): Promise<void> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    if (isMissing(error)) return '';
    throw error;
  });
  const found = /^[0-9]{1,9}\s*$/.test(text) ? Number(text) : 0;
  if (found > storeFormat) throw new StoreFormatError(found);
  if (found !== storeFormat) await replaceFile(path, `${storeFormat}\n`);
}
