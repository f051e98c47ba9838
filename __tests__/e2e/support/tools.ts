// Support of the end-to-end tests: real registries and real clients, each in a directory of its own.
import { execFile } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { promisify } from 'node:util';

const systemDirectories = ['/usr/local/sbin', '/usr/sbin', '/sbin', '/usr/bin', '/bin'];

/** PATH with the directories that Debian leaves out for ordinary users; daemons look for their helpers there. */
export const toolPath = [process.env['PATH'] ?? '', ...systemDirectories].join(':');

/** Absolute path of a program; throws when it is not installed. */
export function getTool(program: string): string {
  const path = findTool(program);
  if (path === undefined) throw new Error(`${program} is not installed`);
  return path;
}

/** Absolute path of a program, or undefined when it is not installed. */
export function findTool(program: string): string | undefined {
  return toolPath
    .split(':')
    .map((directory) => join(directory, program))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
}

/** Runs a program to its end and gives its standard output; throws with all it printed when it fails. */
export async function run(program: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  const { stdout } = await promisify(execFile)(getTool(program), [...args], {
    env: { ...process.env, PATH: toolPath, ...options.env },
    timeout: options.timeoutMs ?? 120_000,
    maxBuffer: 64 * 1024 * 1024,
  }).catch((error: unknown) => {
    // Its message has standard error only.
    const printed = typeof error === 'object' && error !== null && 'stdout' in error ? String(error.stdout) : '';
    throw new Error(`${String(error)}\n${printed.slice(-4_000)}`, { cause: error });
  });
  return stdout;
}
