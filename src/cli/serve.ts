import type { Command } from 'commander';
import { addConfigOption, findConfigSource, type ConfigOption } from './config-option.ts';
import type { CliContext } from './context.ts';

/** `serve`, also what runs when no command is named. */
export function addServe(program: Command, context: CliContext): void {
  addConfigOption(program.command('serve', { isDefault: true }))
    .description('run the mirror (the default command)')
    // Whatever is no command gets here: say that, rather than that `serve` takes no arguments.
    .allowExcessArguments()
    .action(async (option: ConfigOption, command: Command) => {
      const [extra] = command.args;
      if (extra !== undefined) command.error(`error: unknown command or argument '${extra}'`);
      const source = findConfigSource(option, context);
      await context.serve(source.load(), source);
    });
}
