import type { ClientConfig } from './client-config.ts';
import type { MirrorTarget } from './mirror-target.ts';

/**
 * `registries.conf` for Podman, Buildah, skopeo and CRI-O. They replace the registry's name by the mirror's
 * location as text, so the name has to stand in the location again.
 */
export function formatPodmanConfig(target: MirrorTarget): ClientConfig {
  // They try https first, also on loopback, unless told otherwise.
  const insecure = target.isPlainHttp ? 'insecure = true\n' : '';
  const parts = target.registries.map(
    ({ name }) => `[[registry]]
prefix = "${name}"
location = "${name}"

[[registry.mirror]]
location = "${target.host}/${name}"
${insecure}`,
  );
  return {
    text: `# /etc/containers/registries.conf.d/50-stowage.conf\n${parts.join('\n')}`,
    notes: [],
  };
}
