// Reload: a new configuration for a running service. Knows when one is read and what came of it, not what it changes.
import type { ConfigurationState } from '../admin/api-types.ts';
import { planTransition } from '../config/changes.ts';
import type { Config } from '../config/config.ts';
import { ConfigError, formatProblem } from '../config/problem.ts';
import type { ConfigSource } from '../config/source.ts';
import { watchFile, type FileWatch } from '../config/watch-file.ts';
import type { Clock } from '../telemetry/clock.ts';
import type { Health } from '../telemetry/health.ts';
import type { Log } from '../telemetry/log.ts';

/** The configuration in force, as it is now. */
export interface Reloads {
  readonly config: Config;
  readonly state: ConfigurationState;
  /** Reads the configuration and applies it, or leaves everything as it is and says why. Never throws. */
  reload(): void;
  /** From now on nothing is reloaded. */
  close(): void;
}

export interface ReloadsOptions {
  /** What the service was started with. */
  readonly config: Config;
  /** Undefined: there is nothing to read, and `reload` does nothing. */
  readonly source: ConfigSource | undefined;
  readonly clock: Clock;
  readonly log: Log;
  readonly health: Health;
  /** Makes the new configuration count, all of it, or throws and has changed nothing. */
  apply(config: Config): void;
  /** Told of every attempt. */
  onAttempt?(state: ConfigurationState): void;
}

/** Reads anew when it is told to, and when the file changes. The owner must `close` it. */
export function startReloads(options: ReloadsOptions): Reloads {
  const { source, clock, log, health } = options;
  const now = (): string => new Date(clock.wallMs()).toISOString();
  const file = (): string | null => source?.file ?? null;
  let { config } = options;
  let state: ConfigurationState = { file: file(), loadedAt: now(), problems: [] };
  let watch: FileWatch | undefined;
  let isClosed = false;

  function reload(): void {
    if (source === undefined || isClosed) return;
    try {
      const plan = planTransition(config, source.load());
      options.apply(plan.config);
      config = plan.config;
      const problems = plan.waiting.map((key) => `${key} takes effect after a restart`);
      state = { file: file(), loadedAt: now(), problems };
      log.info({ file: file(), changed: plan.changed }, 'the configuration was loaded anew');
      for (const problem of problems) log.warn({ file: file() }, problem);
      report(problems.length === 0 ? undefined : problems.join('; '));
      watch ??= startWatch();
    } catch (error) {
      const problems = describe(error);
      state = { ...state, file: file(), problems };
      log.error({ file: file(), problems }, 'the configuration could not be loaded; what ran before runs on');
      report(`the configuration could not be loaded: ${problems.join('; ')}`);
    }
    options.onAttempt?.(state);
  }

  function report(reason: string | undefined): void {
    health.report('configuration', reason);
  }

  function startWatch(): FileWatch | undefined {
    if (source?.file === undefined) return undefined;
    return watchFile({
      file: source.file,
      onChange: reload,
      onError: (err) => log.warn({ err, file: file() }, 'changes of the configuration are only seen after SIGHUP'),
      startTimer: (delayMs, onTime) => clock.startTimer(delayMs, onTime),
    });
  }

  watch = startWatch();
  return {
    get config() {
      return config;
    },
    get state() {
      return state;
    },
    reload,
    close() {
      isClosed = true;
      watch?.close();
    },
  };
}

function describe(error: unknown): readonly string[] {
  if (error instanceof ConfigError) return error.problems.map(formatProblem);
  return [error instanceof Error ? error.message : 'unknown error'];
}
