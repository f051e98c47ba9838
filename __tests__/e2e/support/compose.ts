import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findFreePort } from '../../support/free-port.ts';
import { findProjectRoot } from '../../unit/config/project-root.ts';
import { startDockerd, type Dockerd } from './dockerd.ts';
import { pushDockerImage, pushNodeImage } from './machine-images.ts';
import { createRegistry, type Registry } from './registry.ts';
import { run } from './tools.ts';

/** The project's own compose file under a dockerd whose first mirror it is going to be. */
export interface Compose {
  readonly dockerd: Dockerd;
  /** Where the mirror will be. */
  readonly url: string;
  readonly adminUrl: string;
  /** A registry that containers reach, in the place of Docker Hub. */
  readonly upstream: Registry;
  compose(...args: readonly string[]): Promise<string>;
  /** Everything down, volumes too. */
  stop(): Promise<void>;
}

/** Starts dockerd and a registry with the base image, builds the mirror's image and makes the network; starts nothing. */
export async function prepareCompose(directory: string): Promise<Compose> {
  mkdirSync(directory, { recursive: true });
  const ends: (() => Promise<unknown>)[] = [];
  const stop = async (): Promise<void> => {
    for (const end of ends.splice(0).toReversed()) await end();
  };
  try {
    const [port, adminPort] = [await findFreePort(), await findFreePort()];
    const url = `http://127.0.0.1:${port}`;
    // Docker Hub's stand-in for the images that compose names; what else dockerd pulls, the mirror has to bring.
    const base = await createRegistry(join(directory, 'base'));
    ends.push(base.stop);
    await base.start();
    const dockerd = await startDockerd(join(directory, 'd'), [url, base.url], { storageDriver: 'auto' });
    ends.push(dockerd.stop);
    const name = `${new URL(base.url).host}/library/`;
    const { docker } = dockerd;
    await pushNodeImage({ docker, directory: join(directory, 'node'), name: `${name}node:26-bookworm-slim` });
    await pushDockerImage({ docker, directory: join(directory, 'dind'), name: `${name}docker:dind` });

    const root = findProjectRoot(dirname(fileURLToPath(import.meta.url)));
    const override = join(directory, 'override.yml');
    const setUpstream = (upstreamUrl: string): void => {
      const services = {
        // Building has no network of its own here: npm reaches its registry over that of the machine.
        mirror: { build: { network: 'host' }, environment: { STOWAGE__UPSTREAMS__0__URL: upstreamUrl } },
        // Who runs these tests may lack some privilege that `privileged` would hand on.
        docker: { privileged: false, cap_add: ['SYS_ADMIN', 'NET_ADMIN'], security_opt: ['seccomp:unconfined'] },
      };
      writeFileSync(override, JSON.stringify({ services }));
    };
    setUpstream('http://upstream.invalid');
    const files = ['--file', join(root, 'docker-compose.yml'), '--file', override];
    const options = ['--project-name', 'stowage-test', '--project-directory', root, ...files];
    const env = {
      ...dockerd.environment,
      STOWAGE_PORT: String(port),
      STOWAGE_ADMIN_PORT: String(adminPort),
      // Built by the daemon, whatever client this machine has.
      COMPOSE_DOCKER_CLI_BUILD: '0',
    };
    const compose = (...args: readonly string[]): Promise<string> =>
      run('docker-compose', [...options, ...args], { env, timeoutMs: 400_000 });
    ends.push(() => compose('--profile', 'dind', 'down', '--volumes', '--timeout', '5'));
    await compose('build');
    await compose('up', '--no-start');
    const network = await dockerd.docker(
      'network',
      'inspect',
      '--format',
      '{{(index .IPAM.Config 0).Gateway}}',
      'stowage-test_default',
    );
    const upstream = await createRegistry(join(directory, 'upstream'), network.trim());
    ends.push(upstream.stop);
    await upstream.start();
    setUpstream(upstream.url);
    return { dockerd, url, adminUrl: `http://127.0.0.1:${adminPort}`, upstream, compose, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
