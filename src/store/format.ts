import { readFile } from 'node:fs/promises';
import { isMissing, replaceFile } from './files.ts';
import { StoreStartError } from './start-error.ts';

/** The layout of the directory that this version reads and writes. */
const storeFormat = 2;

/**
 * Checks the number in the file `format`, and writes it where there is none. A file that holds no number
 * was cut off by a crash or a full disk: it is written again.
 * @throws StoreStartError for a newer number.
 */
export async function checkStoreFormat(path: string): Promise<void> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    if (isMissing(error)) return '';
    throw error;
  });
  const found = /^[0-9]{1,9}\s*$/.test(text) ? Number(text) : 0;
  if (found > storeFormat) throw newerFormat(found);
  if (found !== storeFormat) await replaceFile(path, `${storeFormat}\n`);
}

function newerFormat(found: number): StoreStartError {
  const known = `this version knows formats up to ${storeFormat}`;
  return new StoreStartError('STORE_FORMAT', `the cache directory has format ${found}; ${known}`);
}
