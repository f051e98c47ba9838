import type { Command } from 'commander';
import type { Config } from '../config/config.ts';
import { createConfigSource, type ConfigSource } from '../config/source.ts';
import type { CliContext } from './context.ts';

export interface ConfigOption {
  readonly config?: string;
}

/** `--config FILE`, the same for every command that works on the configuration. */
export function addConfigOption(command: Command): Command {
  return command.option('-c, --config <file>', 'configuration file (default: ./mirror.config.yaml where it exists)');
}

export function findConfigSource(option: ConfigOption, context: CliContext): ConfigSource {
  return createConfigSource({ file: option.config, environment: context.env, directory: context.cwd });
}

/** @throws ConfigError */
export function loadConfigOption(option: ConfigOption, context: CliContext): Config {
  return findConfigSource(option, context).load();
}
