import type { Config } from '../../config/config.ts';
import { isLoopbackUrl, resolvePublicUrl } from '../../config/public-url.ts';
import { dockerHub } from '../../config/docker-hub.ts';

/** What a client has to be told of this mirror. */
export interface MirrorTarget {
  /** Without a slash at the end. */
  readonly url: string;
  /** As it stands before an image name: with a port wherever the host alone could be taken for a repository. */
  readonly host: string;
  readonly isPlainHttp: boolean;
  readonly isLoopback: boolean;
  readonly registries: readonly MirroredRegistry[];
}

/** One name by which images are called that this mirror serves. */
export interface MirroredRegistry {
  readonly name: string;
  /** Where the registry itself is reached, for clients that go on there when the mirror fails. */
  readonly originUrl: string;
  readonly isDefault: boolean;
}

export function toMirrorTarget(config: Config): MirrorTarget {
  const url = resolvePublicUrl(config);
  const { protocol, host, hostname, port } = new URL(url);
  const isPlainHttp = protocol === 'http:';
  const isPlainName = port === '' && !hostname.includes('.') && hostname !== 'localhost';
  return {
    url,
    host: isPlainName ? `${hostname}:${isPlainHttp ? 80 : 443}` : host,
    isPlainHttp,
    isLoopback: isLoopbackUrl(url),
    registries: config.upstreams.flatMap((upstream) => {
      // Clients themselves turn Docker Hub's other names into docker.io.
      const names = upstream.name === dockerHub.name ? [upstream.name] : [upstream.name, ...upstream.aliases];
      const own = upstream.urls.find((entry) => new URL(entry.url).host === upstream.name);
      return names.map((name) => ({
        name,
        originUrl:
          name === dockerHub.name
            ? dockerHub.url
            : name === upstream.name && own
              ? new URL(own.url).origin
              : `https://${name}`,
        isDefault: upstream.isDefault,
      }));
    }),
  };
}
