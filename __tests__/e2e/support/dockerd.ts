import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startContainerd } from './containerd.ts';
import { startDaemon } from './daemon.ts';
import { getTool, run } from './tools.ts';

/** A `dockerd` of its own, with a containerd of its own; it touches no network and no firewall. */
export interface Dockerd {
  docker(...args: readonly string[]): Promise<string>;
  /** What a client's environment needs to speak to it. */
  readonly environment: Readonly<Record<string, string>>;
  stop(): Promise<void>;
}

/** `mirrorUrls`: asked in this order. `storageDriver`: default is the one that works everywhere; `auto` is faster. */
export interface DockerdOptions {
  readonly storageDriver?: 'vfs' | 'auto';
  /** `NAME:PASSWORD`: what the user has logged in to Docker Hub with. */
  readonly hubLogin?: string | undefined;
}

export async function startDockerd(
  directory: string,
  mirrorUrls: string | readonly string[],
  { storageDriver = 'vfs', hubLogin }: DockerdOptions = {},
): Promise<Dockerd> {
  const containerd = await startContainerd(join(directory, 'c'));
  const host = `unix://${join(directory, 'd.sock')}`;
  const configPath = join(directory, 'daemon.json');
  const config = {
    'registry-mirrors': [mirrorUrls].flat(),
    'data-root': join(directory, 'data'),
    'exec-root': join(directory, 'exec'),
    pidfile: join(directory, 'dockerd.pid'),
    hosts: [host],
    containerd: containerd.socket,
    // Needs nothing of the kernel, so that it works inside a container too.
    ...(storageDriver !== 'auto' && { 'storage-driver': storageDriver }),
    iptables: false,
    ip6tables: false,
    bridge: 'none',
  };
  mkdirSync(directory, { recursive: true });
  writeFileSync(configPath, JSON.stringify(config));
  // A configuration of the user's own could send the client elsewhere.
  const env = { DOCKER_CONFIG: join(directory, 'client'), DOCKER_HOST: host };
  if (hubLogin !== undefined) {
    const auths = { 'https://index.docker.io/v1/': { auth: Buffer.from(hubLogin).toString('base64') } };
    mkdirSync(env.DOCKER_CONFIG);
    writeFileSync(join(env.DOCKER_CONFIG, 'config.json'), JSON.stringify({ auths }));
  }
  const docker = (...args: readonly string[]): Promise<string> => run('docker', args, { env });
  try {
    const daemon = await startDaemon({
      command: getTool('dockerd'),
      args: ['--config-file', configPath, '--log-level', 'warn'],
      isReady: async () => (await docker('version')).includes('Server'),
    });
    return {
      docker,
      environment: env,
      async stop() {
        await daemon.stop();
        await containerd.stop();
      },
    };
  } catch (error) {
    await containerd.stop();
    throw error;
  }
}
