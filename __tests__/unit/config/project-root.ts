import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The directory above `start` that holds the project's documents; tests run from what was built. */
export function findProjectRoot(start: string): string {
  if (existsSync(join(start, 'docs', 'configuration.md'))) return start;
  const parent = dirname(start);
  if (parent === start) throw new Error('expected docs/configuration.md in a directory above the tests');
  return findProjectRoot(parent);
}
