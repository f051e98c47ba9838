import type { Config } from '../../../src/config/config.ts';
import { runCli } from '../../../src/cli/run-cli.ts';

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
}

/** Runs one command in a directory without configuration, unless told otherwise. */
export async function run(argv: readonly string[], input: CliInput = {}): Promise<CliResult> {
  const { env = {}, cwd = '/nowhere', serve = () => Promise.resolve() } = input;
  const written = { stdout: '', stderr: '' };
  let served: Config | undefined;
  const status = await runCli({
    argv,
    env,
    cwd,
    version: '1.2.3',
    stdout: { write: (text) => (written.stdout += text) },
    stderr: { write: (text) => (written.stderr += text) },
    serve: (config) => {
      served = config;
      return serve(config);
    },
  });
  return { status, ...written, served };
}
