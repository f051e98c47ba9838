import { dockerHub } from '../../config/docker-hub.ts';
import type { ClientConfig } from './client-config.ts';
import type { MirrorTarget } from './mirror-target.ts';

/**
 * `daemon.json`. dockerd asks its mirrors for Docker Hub's images only and does not say so: where Docker Hub
 * is not the mirror's default, its name has to stand in the URL's path.
 */
export function formatDockerConfig(target: MirrorTarget): ClientConfig {
  const hub = target.registries.find((registry) => registry.name === dockerHub.name);
  const others = target.registries.filter((registry) => registry !== hub).map((registry) => registry.name);
  const isInsecure = target.isPlainHttp && !target.isLoopback;
  const settings = {
    ...(hub !== undefined && { 'registry-mirrors': [hub.isDefault ? target.url : `${target.url}/${dockerHub.name}`] }),
    ...(isInsecure && { 'insecure-registries': [target.host] }),
  };
  return {
    text: `${JSON.stringify(settings, undefined, 2)}\n`,
    notes: [
      'goes into /etc/docker/daemon.json; then restart dockerd',
      ...(hub === undefined ? ['dockerd mirrors Docker Hub only, and no upstream here is named docker.io'] : []),
      ...others.map((name) => `for ${name}, put the mirror into the image name: docker pull ${target.host}/${name}/…`),
    ],
  };
}
