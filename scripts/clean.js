/** Removes build output, so that the output of a source file that is gone does not linger. Usage: clean.js DIR… */
import { rmSync } from 'node:fs';
import { basename, resolve } from 'node:path';

for (const directory of process.argv.slice(2)) {
  if (!['dist', 'build'].includes(basename(directory))) throw new Error(`not a build directory: ${directory}`);
  rmSync(resolve(import.meta.dirname, '..', directory), { recursive: true, force: true });
}
