import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findFreePort } from '../../support/free-port.ts';
import { answers, startDaemon, type Daemon } from './daemon.ts';
import { getTool } from './tools.ts';

/** Debian's `docker-registry`, storing under a directory. It keeps its port through a stop and a start. */
export interface Registry {
  readonly url: string;
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** `host`: the address of this machine where it listens. */
export async function createRegistry(directory: string, host = '127.0.0.1'): Promise<Registry> {
  mkdirSync(directory, { recursive: true });
  const port = await findFreePort();
  const url = `http://${host}:${port}`;
  const configPath = join(directory, 'config.json');
  // JSON is YAML.
  const config = {
    version: 0.1,
    log: { level: 'warn', accesslog: { disabled: true } },
    storage: {
      filesystem: { rootdirectory: join(directory, 'content') },
      maintenance: { uploadpurging: { enabled: false } },
    },
    http: { addr: `${host}:${port}`, secret: 'a test' },
  };
  writeFileSync(configPath, JSON.stringify(config));
  let daemon: Daemon | undefined;
  return {
    url,
    async start() {
      daemon ??= await startDaemon({
        command: getTool('docker-registry'),
        args: ['serve', configPath],
        isReady: () => answers(`${url}/v2/`),
      });
    },
    async stop() {
      await daemon?.stop();
      daemon = undefined;
    },
  };
}
