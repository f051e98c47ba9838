import { formatBuildkitConfig } from './buildkit.ts';
import type { ClientConfig } from './client-config.ts';
import { formatContainerdConfig } from './containerd.ts';
import { formatDockerConfig } from './docker.ts';
import type { MirrorTarget } from './mirror-target.ts';
import { formatPodmanConfig } from './podman.ts';

/** Who can be told to pull through this mirror, and how. */
export const clients = {
  docker: formatDockerConfig,
  containerd: formatContainerdConfig,
  podman: formatPodmanConfig,
  buildkit: formatBuildkitConfig,
} satisfies Record<string, (target: MirrorTarget) => ClientConfig>;
