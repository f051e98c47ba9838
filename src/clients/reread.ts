import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { describeFileError } from '../config/file-error.ts';
import type { Clock } from '../telemetry/clock.ts';
import type { Health } from '../telemetry/health.ts';
import type { Log } from '../telemetry/log.ts';
import { watchFiles } from './watched-files.ts';

/** What files say, as of the last time that they were good. The owner must `close` it. */
export interface Reread<T> {
  readonly current: T;
  /** Calls back after each change. */
  onChange(listener: () => void): void;
  close(): void;
}

export interface RereadContext {
  readonly clock: Clock;
  readonly log: Log;
  readonly health: Pick<Health, 'report'>;
}

export interface RereadOptions<T> extends RereadContext {
  /** Absolute. */
  readonly files: readonly string[];
  /** Contents, in the order of `files`, to what they mean. @throws Error whose message may be shown */
  parse(contents: readonly Buffer[]): T;
  /** The key of the configuration, for health and log: `clients.accounts.file`. */
  readonly key: string;
}

/** Files that are replaced one after the other do not fit each other for a moment: they are bad when they still are after so long. */
const graceMs = 1_000;

/** Reads files now and whenever they change; bad ones change nothing, and are told. @throws Error when they are bad now */
export async function openReread<T>(options: RereadOptions<T>): Promise<Reread<T>> {
  const { files, clock, log, health, key, parse } = options;
  const listeners: (() => void)[] = [];
  const first = await read();
  let current = parse(first.contents);
  let good = first.version;
  let suspect: string | undefined;
  let complained: string | undefined;
  let isClosed = false;

  async function read(): Promise<{ readonly contents: readonly Buffer[]; readonly version: string }> {
    const contents = await Promise.all(files.map((file) => readFile(file)));
    const hash = createHash('sha256');
    for (const content of contents) hash.update(`${content.length} `).update(content);
    return { contents, version: hash.digest('hex') };
  }

  async function look(): Promise<void> {
    let version = 'unreadable';
    try {
      const next = await read();
      ({ version } = next);
      if (isClosed) return;
      if (version !== good) {
        current = parse(next.contents);
        good = version;
        log.info({ key }, 'files of the configuration were read anew');
        for (const listener of listeners) listener();
      }
      [suspect, complained] = [undefined, undefined];
      health.report(key, undefined);
    } catch (error) {
      if (isClosed) return;
      if (suspect === version) complain(error, version);
      else clock.startTimer(graceMs, () => watch.look());
      suspect = version;
    }
  }

  function complain(error: unknown, version: string): void {
    if (complained === version) return;
    complained = version;
    const isOfSystem = typeof error === 'object' && error !== null && 'syscall' in error;
    const reason = isOfSystem || !(error instanceof Error) ? describeFileError(error) : error.message;
    health.report(key, `${key} cannot be used (${reason}); what was there before holds`);
    log.error({ key, reason }, 'files of the configuration cannot be used; what was there before holds');
  }

  const watch = watchFiles({ files, clock, log, look });
  return {
    get current() {
      return current;
    },
    onChange: (listener) => void listeners.push(listener),
    close() {
      isClosed = true;
      watch.close();
    },
  };
}
