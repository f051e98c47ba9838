import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startDaemon } from './daemon.ts';
import { getTool, run } from './tools.ts';

/** A `containerd` of its own, with `ctr` to drive it. */
export interface Containerd {
  readonly socket: string;
  ctr(...args: readonly string[]): Promise<string>;
  stop(): Promise<unknown>;
}

export async function startContainerd(directory: string): Promise<Containerd> {
  mkdirSync(directory, { recursive: true });
  const socket = join(directory, 'c.sock');
  const configPath = join(directory, 'config.toml');
  const config = [
    'version = 2',
    `root = "${join(directory, 'root')}"`,
    `state = "${join(directory, 'state')}"`,
    'disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.internal.v1.opt"]',
    '[grpc]',
    `address = "${socket}"`,
    '[ttrpc]',
    `address = "${socket}.ttrpc"`,
  ];
  writeFileSync(configPath, config.join('\n'));
  const ctr = (...args: readonly string[]): Promise<string> => run('ctr', ['--address', socket, ...args]);
  const daemon = await startDaemon({
    command: getTool('containerd'),
    args: ['--config', configPath, '--log-level', 'warn'],
    isReady: async () => (await ctr('version')).includes('Server'),
  });
  return { socket, ctr, stop: daemon.stop };
}

export interface HostsOptions {
  /** Sent to the mirror with every request. */
  readonly authorization?: string;
  /** Nobody else is asked where the mirror fails. */
  readonly isAlone?: boolean;
}

/** A `hosts.toml` tree that sends pulls of docker.io to the mirror; containerd then adds `?ns=docker.io`. */
export function writeHosts(
  directory: string,
  mirrorUrl: string,
  { authorization, isAlone = false }: HostsOptions = {},
): string {
  const hosts = join(directory, 'hosts');
  mkdirSync(join(hosts, 'docker.io'), { recursive: true });
  const lines = [
    ...(isAlone ? [`server = "${mirrorUrl}"`] : []),
    `[host."${mirrorUrl}"]`,
    '  capabilities = ["pull", "resolve"]',
    ...(authorization === undefined ? [] : [`[host."${mirrorUrl}".header]`, `  Authorization = "${authorization}"`]),
    '',
  ];
  writeFileSync(join(hosts, 'docker.io', 'hosts.toml'), lines.join('\n'));
  return hosts;
}
