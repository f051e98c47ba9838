import type { ClientConfig } from './client-config.ts';
import type { MirroredRegistry, MirrorTarget } from './mirror-target.ts';

const root = '/etc/containerd/certs.d';

/**
 * One `hosts.toml` for each registry; containerd names the registry itself (`?ns=`). Capabilities are listed,
 * since without a list pushes would come here too; `referrers` is not among them, because containerd before
 * 2.2 refuses a file with a word it does not know.
 */
export function formatContainerdConfig(target: MirrorTarget): ClientConfig {
  return {
    text: target.registries.map((registry) => formatHosts(target, registry)).join('\n'),
    notes: [
      `each part goes into the file named above it; containerd reads them where its config_path is "${root}"`,
      'containerd 2.2 and later: "referrers" may be added to capabilities',
    ],
  };
}

function formatHosts(target: MirrorTarget, registry: MirroredRegistry): string {
  return `# ${root}/${directoryName(registry.name)}/hosts.toml
server = "${registry.originUrl}"

[host."${target.url}"]
  capabilities = ["pull", "resolve"]
`;
}

/** `registry.lan:5000` → `registry.lan_5000_`: the form that every file system takes. */
function directoryName(registry: string): string {
  return registry.replace(/:(\d+)$/, '_$1_');
}
