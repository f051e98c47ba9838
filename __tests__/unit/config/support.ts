import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Config } from '../../../src/config/config.ts';
import { loadConfig } from '../../../src/config/load.ts';
import { ConfigError, formatProblem } from '../../../src/config/problem.ts';

/** A directory with files; `remove` deletes it. */
export function createDirectory(files: Readonly<Record<string, string>> = {}) {
  const path = mkdtempSync(join(tmpdir(), 'stowage-config-'));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(path, name)), { recursive: true });
    writeFileSync(join(path, name), text);
  }
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

export interface LoadInput {
  readonly yaml?: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly files?: Readonly<Record<string, string>>;
}

/** Loads `yaml` as `mirror.config.yaml` of a directory of its own. */
export function load({ yaml, environment = {}, files = {} }: LoadInput): Config {
  const directory = createDirectory({ ...files, ...(yaml !== undefined && { 'mirror.config.yaml': yaml }) });
  try {
    return loadConfig({ environment, directory: directory.path });
  } finally {
    directory.remove();
  }
}

/** Every problem as the operator reads it. */
export function problemsOf(input: LoadInput): readonly string[] {
  try {
    load(input);
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.problems.map(formatProblem);
  }
}
