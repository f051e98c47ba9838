import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { answers, startDaemon } from '../../e2e/support/daemon.ts';
import { getTool } from '../../e2e/support/tools.ts';
import { findFreePort } from '../free-port.ts';
import type { Contender, ContenderOptions } from './contender.ts';

/** Debian's `docker-registry` as a proxy, with the cache of descriptors that Debian's own configuration has. */
export async function startRegistryPeer({ directory, upstreamUrl }: ContenderOptions): Promise<Contender> {
  mkdirSync(directory, { recursive: true });
  const host = `127.0.0.1:${await findFreePort()}`;
  const configPath = join(directory, 'config.json');
  const config = {
    version: 0.1,
    log: { level: 'info', accesslog: { disabled: false } },
    storage: {
      cache: { blobdescriptor: 'inmemory' },
      filesystem: { rootdirectory: join(directory, 'content') },
      delete: { enabled: true },
    },
    http: { addr: host, secret: 'a benchmark' },
    proxy: { remoteurl: upstreamUrl },
  };
  // JSON is YAML.
  writeFileSync(configPath, JSON.stringify(config));
  const daemon = await startDaemon({
    command: getTool('docker-registry'),
    args: ['serve', configPath],
    outputPath: join(directory, 'log'),
    isReady: () => answers(`http://${host}/v2/`),
  });
  return { name: 'registry', url: `http://${host}`, daemon };
}
