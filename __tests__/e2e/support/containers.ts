import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './tools.ts';

/** Podman and skopeo with storage and configuration of their own; `registries.conf` sends docker.io to the mirror. */
export interface ContainersClient {
  podman(...args: readonly string[]): Promise<string>;
  skopeo(...args: readonly string[]): Promise<string>;
}

export function createContainersClient(directory: string, mirrorHost: string): ContainersClient {
  mkdirSync(directory, { recursive: true });
  const registriesPath = join(directory, 'registries.conf');
  const policyPath = join(directory, 'policy.json');
  const lines = [
    'unqualified-search-registries = ["docker.io"]',
    '[[registry]]',
    'prefix = "docker.io"',
    'location = "docker.io"',
    '[[registry.mirror]]',
    `location = "${mirrorHost}/docker.io"`,
    'insecure = true',
  ];
  writeFileSync(registriesPath, lines.join('\n'));
  // Podman wants the file that the variable names to be there.
  writeFileSync(join(directory, 'auth.json'), '{}');
  writeFileSync(policyPath, JSON.stringify({ default: [{ type: 'insecureAcceptAnything' }] }));
  const environment = {
    CONTAINERS_REGISTRIES_CONF: registriesPath,
    REGISTRY_AUTH_FILE: join(directory, 'auth.json'),
    XDG_RUNTIME_DIR: directory,
    HOME: directory,
    TMPDIR: directory,
  };
  const places = ['--root', join(directory, 'root'), '--runroot', join(directory, 'run')];
  const manners = ['--storage-driver', 'vfs', '--events-backend', 'none', '--cgroup-manager', 'cgroupfs'];
  const podmanOptions = [...places, '--tmpdir', join(directory, 'tmp'), ...manners];
  // Podman takes the file from the environment, skopeo from an option.
  const skopeoOptions = ['--policy', policyPath, '--registries-conf', registriesPath];
  return {
    podman: (...args) => run('podman', [...podmanOptions, ...args], { env: environment }),
    skopeo: (...args) => run('skopeo', [...skopeoOptions, ...args], { env: environment }),
  };
}
