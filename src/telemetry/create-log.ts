// Logs, metrics and health: what the parts tell, made visible. May not know anyone's internals.
import { pino } from 'pino';
import { createLogOutput } from './log-output.ts';
import { createFlatFields } from './flat-fields.ts';
import { createLogTime } from './log-time.ts';
import type { Log } from './log.ts';
import { redactText, redactValue } from './redact.ts';
import { createTextFormat, type LogSink } from './text-format.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

export interface LogOptions {
  /** Default `info`. */
  readonly level?: LogLevel;
  /** Default: standard output. */
  readonly sink?: LogSink;
  /** One JSON object a line, or text for people. Default: text when standard output is a terminal. */
  readonly format?: 'json' | 'text';
}

/** A log of which less or more can be wanted while it is written. */
export interface LevelledLog extends Log {
  setLevel(level: LogLevel): void;
}

/** A log through pino, from which secrets are taken before pino sees them, wherever they hide: keys, texts, errors. */
export function createLog(options: LogOptions = {}): LevelledLog {
  const { level = 'info', format = process.stdout.isTTY ? 'text' : 'json' } = options;
  const sink =
    format === 'text' ? createTextFormat(options.sink ?? process.stdout) : (options.sink ?? createLogOutput());
  const time = createLogTime();
  const writeFlat = createFlatFields();
  const logger = pino(
    {
      level,
      // No host name, no process id: whoever collects the lines knows where they come from.
      base: null,
      timestamp: time,
      // What comes here is plain already; pino's own idea of an error would rename it.
      serializers: { err: (error: unknown) => error },
      formatters: { level: (label: string) => ({ level: label }) },
    },
    sink,
  );
  const writerOf =
    (name: LogLevel) =>
    (fields: object, message: string): void => {
      if (!logger.isLevelEnabled(name)) return;
      const text = redactText(message);
      const flat = writeFlat(fields);
      if (flat === undefined) logger[name](prepare(fields), text);
      else sink.write(`{"level":"${name}"${time()}${flat},"msg":${JSON.stringify(text)}}\n`);
      // What somebody is to act on does not wait for company.
      if (name === 'warn' || name === 'error') sink.flush?.();
    };
  return {
    debug: writerOf('debug'),
    info: writerOf('info'),
    warn: writerOf('warn'),
    error: writerOf('error'),
    setLevel(name) {
      logger.level = name;
    },
  };
}

function prepare(fields: object): object {
  const safe = redactValue(fields instanceof Error ? { err: fields } : fields);
  return typeof safe === 'object' && safe !== null ? safe : {};
}
