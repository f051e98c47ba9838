import type { Command } from 'commander';
import { formatConfig } from '../config/effective.ts';
import { addConfigOption, loadConfigOption, type ConfigOption } from './config-option.ts';
import type { CliContext } from './context.ts';

/** `check`: is the configuration right, and what does it amount to? */
export function addCheck(program: Command, context: CliContext): void {
  addConfigOption(program.command('check'))
    .description('check the configuration and print it with every default')
    .action((option: ConfigOption) => {
      context.stdout.write(formatConfig(loadConfigOption(option, context)));
    });
}
