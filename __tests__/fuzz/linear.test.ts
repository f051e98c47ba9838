// No parser takes more time than in proportion to its input: support/fuzz/linear-process.ts says how that is found out.
import { expect, test } from '@jest/globals';
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

/** More than there are targets. */
const targets = 60;
const seconds = Number(process.env['FUZZ_SECONDS'] ?? 0);

test(
  'the time for each parser grows with the length of what it is given, and not faster',
  async () => {
    const program = fileURLToPath(new URL('../support/fuzz/linear-process.js', import.meta.url));
    const run = promisify(execFile)(process.execPath, ['--no-warnings', program]);
    const found = await run.catch((error: { stdout?: string; stderr?: string }) => error);
    expect(`${found.stdout}${found.stderr}`).toBe('');
  },
  (120 + targets * seconds) * 1000,
);
