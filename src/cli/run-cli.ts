// Command line: words of the operator in, text and exit status out. Knows only config and oci.
import { CommanderError } from 'commander';
import { ConfigError, formatProblem } from '../config/problem.ts';
import { isMirrorError } from '../oci/errors.ts';
import type { CliContext } from './context.ts';
import { CliFailure } from './failure.ts';
import { createProgram } from './program.ts';
import { toPrintable } from './text/printable.ts';

export interface RunCliOptions extends CliContext {
  /** Without the program's own name: `process.argv.slice(2)`. */
  readonly argv: readonly string[];
}

/**
 * Runs one command to its end; never throws. Gives the exit status: 0, 1 for failure, 2 for bad usage,
 * names or configuration, of which every problem is on stderr, one a line.
 */
export async function runCli(options: RunCliOptions): Promise<number> {
  try {
    await createProgram(options).parseAsync(options.argv, { from: 'user' });
    return 0;
  } catch (error) {
    // Commander has written its own message already.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    if (error instanceof CliFailure) {
      for (const line of error.lines) options.stderr.write(`stowage: ${toPrintable(line)}\n`);
      return error.status;
    }
    options.stderr.write(`${formatFailure(error)}\n`);
    return error instanceof ConfigError ? 2 : 1;
  }
}

function formatFailure(error: unknown): string {
  if (error instanceof ConfigError) return error.problems.map(formatProblem).join('\n');
  if (typeof error !== 'object' || error === null || !('message' in error)) return `stowage: ${String(error)}`;
  // What the system or a part of ours refused needs a sentence; anything else is a bug and needs its stack.
  const isExpected = isMirrorError(error) || 'code' in error;
  const text = isExpected || !('stack' in error) ? error.message : error.stack;
  return `stowage: ${String(text)}`;
}
