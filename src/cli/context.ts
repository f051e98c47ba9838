import type { Config } from '../config/config.ts';
import type { ConfigSource } from '../config/source.ts';

/** What commands have of the world around them. */
export interface CliContext {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The working directory. */
  readonly cwd: string;
  readonly stdout: TextOutput;
  readonly stderr: TextOutput;
  /** Runs the service until it ends; given by `main`. */
  readonly serve: (config: Config, source: ConfigSource) => Promise<void>;
  /** What `--version` prints. */
  readonly version: string;
}

/** As much of a stream as commands need; `process.stdout` fits. */
export interface TextOutput {
  write(text: string): unknown;
}
