import type { CliClock } from '../../../src/cli/context.ts';
import type { Config } from '../../../src/config/config.ts';
import { runCli } from '../../../src/cli/run-cli.ts';
import { createSwiftClock } from './swift-clock.ts';

export interface CliResult {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
  /** What `serve` was given, where it was called. */
  readonly served: Config | undefined;
}

export interface CliInput {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly serve?: (config: Config) => Promise<void>;
  readonly clock?: CliClock;
  /** Gets what the operator's Ctrl-C calls, as soon as somebody listens; gives what is called when nobody does any more. */
  readonly onInterrupt?: (interrupt: () => void) => () => void;
  /** Hears what is written to stdout, at once. */
  readonly onOutput?: (text: string) => void;
  /** Stdout is a terminal of this size. */
  readonly terminal?: { readonly columns: number; readonly rows: number };
}

/** Runs one command in a directory without configuration, unless told otherwise. */
export async function run(argv: readonly string[], input: CliInput = {}): Promise<CliResult> {
  const { env = {}, cwd = '/nowhere', serve = () => Promise.resolve(), terminal } = input;
  const written = { stdout: '', stderr: '' };
  let served: Config | undefined;
  const status = await runCli({
    argv,
    env,
    cwd,
    version: '1.2.3',
    stdout: {
      write: (text) => {
        written.stdout += text;
        input.onOutput?.(text);
      },
      ...(terminal && { isTTY: true, ...terminal }),
    },
    stderr: { write: (text) => (written.stderr += text) },
    clock: input.clock ?? createSwiftClock(),
    onInterrupt: input.onInterrupt ?? (() => () => undefined),
    serve: (config) => {
      served = config;
      return serve(config);
    },
  });
  return { status, ...written, served };
}
