import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { answers, startDaemon } from '../../e2e/support/daemon.ts';
import { findFreePort } from '../free-port.ts';
import { findMain } from '../mirror-process.ts';
import type { Contender, ContenderOptions } from './contender.ts';

/** The built mirror with its defaults, its log in a file: a line for each request, unless it is the quiet one. */
export async function startStowage(
  { directory, upstreamUrl }: ContenderOptions,
  name: 'stowage' | 'quiet' = 'stowage',
): Promise<Contender> {
  mkdirSync(directory, { recursive: true });
  const [host, admin] = [`127.0.0.1:${await findFreePort()}`, `127.0.0.1:${await findFreePort()}`];
  const configPath = join(directory, 'mirror.config.yaml');
  const config = {
    listen: host,
    admin: { listen: admin },
    cache: { path: join(directory, 'cache') },
    upstreams: [{ name: 'docker.io', url: upstreamUrl }],
    ...(name === 'quiet' && { log: { level: 'error' } }),
  };
  // JSON is YAML.
  writeFileSync(configPath, JSON.stringify(config));
  const daemon = await startDaemon({
    command: process.execPath,
    args: [findMain(), 'serve', '--config', configPath],
    cwd: directory,
    outputPath: join(directory, 'log'),
    isReady: () => answers(`http://${host}/v2/`),
  });
  return { name, url: `http://${host}`, adminUrl: `http://${admin}`, daemon };
}
