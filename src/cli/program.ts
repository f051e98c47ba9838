import { Command } from 'commander';
import { addCheck } from './check.ts';
import { addClientConfig } from './client-config.ts';
import type { CliContext } from './context.ts';
import { addServe } from './serve.ts';

/** All commands. Parsing throws: CommanderError for bad usage, otherwise what the command throws. */
export function createProgram(context: CliContext): Command {
  const program = new Command('stowage')
    .description('Pull-through caching registry mirror: one upstream transfer, everybody streams.')
    .version(context.version)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => context.stdout.write(text),
      writeErr: (text) => context.stderr.write(text),
    })
    .showHelpAfterError('(stowage --help lists commands and options)');
  for (const add of [addServe, addCheck, addClientConfig]) add(program, context);
  return program;
}
