import type { Config } from '../config/config.ts';
import type { ConfigSource } from '../config/source.ts';

/** What commands have of the world around them. */
export interface CliContext {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The working directory. */
  readonly cwd: string;
  readonly stdout: TextOutput;
  readonly stderr: TextOutput;
  readonly clock: CliClock;
  /** Calls back when the operator or the system wants an end (Ctrl-C, SIGTERM); gives what takes the wish back. */
  readonly onInterrupt: (listener: () => void) => () => void;
  /** Runs the service until it ends; given by `main`. */
  readonly serve: (config: Config, source: ConfigSource) => Promise<void>;
  /** What `--version` prints. */
  readonly version: string;
}

/** As much of a stream as commands need; `process.stdout` fits. */
export interface TextOutput {
  write(text: string): unknown;
  /** True for a terminal, and only then are the others known. */
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
}

/** Time as commands see it, so that tests can own it. */
export interface CliClock {
  /** Milliseconds since 1970. */
  wallMs(): number;
  /** Calls back once after `delayMs`; a command that waits for it keeps the process alive. */
  startTimer(delayMs: number, onTime: () => void): { stop(): void };
}
