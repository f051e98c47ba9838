import type { ClientConfig } from './client-config.ts';
import type { MirrorTarget } from './mirror-target.ts';

/**
 * `buildkitd.toml`. BuildKit names the registry itself (`?ns=`); it takes a mirror without scheme and speaks
 * plain HTTP only where the mirror has an entry of its own that says so.
 */
export function formatBuildkitConfig(target: MirrorTarget): ClientConfig {
  const mirrors = target.registries.map(
    ({ name }) => `[registry."${name}"]
  mirrors = ["${target.host}"]
`,
  );
  const plain = `[registry."${target.host}"]
  http = true
`;
  return {
    text: `# /etc/buildkit/buildkitd.toml\n${[...mirrors, ...(target.isPlainHttp ? [plain] : [])].join('\n')}`,
    notes: target.isLoopback ? ['a builder in a container cannot reach the loopback address of its host'] : [],
  };
}
