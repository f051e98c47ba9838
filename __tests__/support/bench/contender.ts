// Who is measured: a mirror that runs, with an empty cache of its own at first.
import type { Daemon } from '../../e2e/support/daemon.ts';

export type ContenderName = 'stowage' | 'registry' | 'nginx' | 'direct' | 'quiet';

export interface Contender {
  readonly name: ContenderName;
  readonly url: string;
  /** Where Stowage tells its metrics. */
  readonly adminUrl?: string;
  /** Undefined: it is not the contender's own work that counts. */
  readonly daemon?: Daemon;
}

/** What a contender is started with. Everything it writes stays below the directory. */
export interface ContenderOptions {
  readonly directory: string;
  readonly upstreamUrl: string;
}

/** As they are called in the tables. */
export const contenderLabels: Readonly<Record<ContenderName, string>> = {
  stowage: 'Stowage',
  registry: 'registry',
  nginx: 'nginx',
  direct: 'going direct',
  quiet: 'Stowage with `log.level: error`',
};
