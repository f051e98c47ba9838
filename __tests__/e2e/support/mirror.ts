import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { findFreePort } from '../../support/free-port.ts';
import { answers, startDaemon, type Daemon } from './daemon.ts';

/** The built program, as its own process. */
export interface Mirror {
  /** `127.0.0.1:PORT` */
  readonly host: string;
  readonly url: string;
  /** What it has printed, over all starts. */
  output(): string;
  /** Again, with the same address and cache, after a stop. */
  start(): Promise<void>;
  stop(): Promise<number | null>;
}

export interface MirrorOptions {
  readonly directory: string;
  /** Stands in for Docker Hub. */
  readonly upstreamUrl: string;
  /** Further keys of `cache`. */
  readonly cache?: Readonly<Record<string, string>>;
}

export async function startMirror(options: MirrorOptions): Promise<Mirror> {
  mkdirSync(options.directory, { recursive: true });
  const host = `127.0.0.1:${await findFreePort()}`;
  const configPath = join(options.directory, 'mirror.config.yaml');
  const config = {
    listen: host,
    admin: { listen: `127.0.0.1:${await findFreePort()}` },
    cache: { path: join(options.directory, 'cache'), ...options.cache },
    upstreams: [{ name: 'docker.io', url: options.upstreamUrl, aliases: ['index.docker.io', 'registry-1.docker.io'] }],
  };
  // JSON is YAML.
  writeFileSync(configPath, JSON.stringify(config));
  const launch = (): Promise<Daemon> =>
    startDaemon({
      command: process.execPath,
      args: [findProgram(), 'serve', '--config', configPath],
      cwd: options.directory,
      isReady: () => answers(`http://${host}/v2/`),
    });
  let daemon = await launch();
  let outputBefore = '';
  return {
    host,
    url: `http://${host}`,
    output: () => outputBefore + daemon.output(),
    async start() {
      outputBefore += daemon.output();
      daemon = await launch();
    },
    stop: () => daemon.stop(),
  };
}

/** `dist/main.js` of the project that this file belongs to. */
function findProgram(): string {
  let directory = import.meta.dirname;
  while (!existsSync(join(directory, 'tsconfig.tests.json'))) {
    if (directory === dirname(directory)) throw new Error('no project root above this file');
    directory = dirname(directory);
  }
  return join(directory, 'dist', 'main.js');
}
