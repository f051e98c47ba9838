// Writes the objects of a scale store from one number to another; those that are there already are left alone.
// Usage: node scale-files-process.ts DIRECTORY FROM TO, where DIRECTORY is `blobs/public/sha256` and has its folders.
import { closeSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { makeScaleObject } from './scale-content.ts';

const [directory = '', from, to] = process.argv.slice(2);

for (let index = Number(from); index < Number(to); index += 1) {
  const { digest, bytes } = makeScaleObject(index);
  const hex = digest.slice('sha256:'.length);
  const descriptor = openNew(join(directory, hex.slice(0, 2), hex));
  if (descriptor === undefined) continue;
  writeSync(descriptor, bytes);
  closeSync(descriptor);
}

function openNew(path: string): number | undefined {
  try {
    return openSync(path, 'wx', 0o600);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return undefined;
    throw error;
  }
}
