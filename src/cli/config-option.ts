import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { Config } from '../config/config.ts';
import { findConfigFile, loadConfig } from '../config/load.ts';
import type { CliContext, ConfigSource } from './context.ts';

export interface ConfigOption {
  readonly config?: string;
}

/** `--config FILE`, the same for every command that works on the configuration. */
export function addConfigOption(command: Command): Command {
  return command.option('-c, --config <file>', 'configuration file (default: ./mirror.config.yaml where it exists)');
}

/** @throws ConfigError */
export function loadConfigOption(option: ConfigOption, context: CliContext): Config {
  return loadConfig({ file: option.config, environment: context.env, directory: context.cwd });
}

/** Which file `loadConfigOption` reads. */
export function findConfigSource({ config }: ConfigOption, { cwd }: CliContext): ConfigSource {
  const file = findConfigFile({ file: config, directory: cwd });
  return { file: file === undefined ? undefined : resolve(cwd, file) };
}
