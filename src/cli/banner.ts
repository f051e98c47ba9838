import type { Config } from '../config/config.ts';
import { formatHttpUrl, resolvePublicUrl } from '../config/public-url.ts';
import { formatSize, type ListenAddress } from '../config/units.ts';
import { formatDockerConfig } from './clients/docker.ts';
import { toMirrorTarget } from './clients/mirror-target.ts';

/** The addresses that the listeners really got. */
export interface BoundAddresses {
  readonly mirror: readonly ListenAddress[];
  readonly admin: readonly ListenAddress[];
}

/**
 * What a person who has just started the mirror wants to know: where it listens and what to paste into
 * `daemon.json`. Goes to stderr, since stdout carries the log. Ends with a line break.
 */
export function formatBanner(config: Config, addresses: BoundAddresses): string {
  const target = toMirrorTarget({ ...config, publicUrl: resolvePublicUrl(config, addresses.mirror) });
  const { maxSizeBytes, path } = config.cache;
  const daemonJson = JSON.stringify(JSON.parse(formatDockerConfig(target).text));
  return `
  Stowage mirrors ${config.upstreams.map((upstream) => upstream.name).join(', ')}
  pull from   ${addresses.mirror.map((address) => formatHttpUrl(address, config.tls)).join('  ')}
  page        ${addresses.admin.map((address) => formatHttpUrl(address, config.admin.tls)).join('  ')}
  cache       ${path} (${maxSizeBytes === 0 ? 'no limit' : `at most ${formatSize(maxSizeBytes)}`})

  /etc/docker/daemon.json:
  ${daemonJson}
  other clients: stowage client-config containerd|podman|buildkit

`;
}
