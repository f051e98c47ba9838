import { Command } from 'commander';
import { addCheck } from './check.ts';
import { addClientConfig } from './client-config.ts';
import type { CliContext } from './context.ts';
import { addLs } from './ls.ts';
import { addPin } from './pin.ts';
import { addPins } from './pins.ts';
import { addPull } from './pull.ts';
import { addPurge } from './purge.ts';
import { addServe } from './serve.ts';
import { addStatus } from './status.ts';
import { addUnpin } from './unpin.ts';
import { addVerify } from './verify.ts';

const onThisMachine = [addServe, addCheck, addClientConfig];
const atTheMirror = [addStatus, addLs, addPull, addPurge, addPin, addUnpin, addPins, addVerify];

const exitStatuses = `
Exit status:
  0  it went well
  1  it failed: also one image of several, a damaged object, Ctrl-C, no mirror that answers
  2  bad usage, configuration or name; nothing was done
`;

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
  for (const add of [...onThisMachine, ...atTheMirror]) add(program, context);
  program.addHelpText('after', exitStatuses);
  return program;
}
