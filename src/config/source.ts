import { resolve } from 'node:path';
import type { Config } from './config.ts';
import { findConfigFile, loadConfig, type LoadOptions } from './load.ts';

/** Where the configuration comes from, to be read as often as it is needed. */
export interface ConfigSource {
  /** The absolute name of the file; undefined while there is none. */
  readonly file: string | undefined;
  /** Reads file and environment anew. @throws ConfigError with everything that is wrong */
  load(): Config;
}

/** A file that has been there once must stay: should it vanish, that is a mistake and does not mean the defaults. */
export function createConfigSource(options: LoadOptions): ConfigSource {
  let name = findConfigFile(options);
  return {
    get file() {
      return name === undefined ? undefined : resolve(options.directory, name);
    },
    load() {
      name ??= findConfigFile(options);
      return loadConfig({ ...options, file: name });
    },
  };
}
