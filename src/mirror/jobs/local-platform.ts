import type { Platform } from '../../oci/platform.ts';

/** As Go names what Node names otherwise; all else is named alike. */
const architectures: Readonly<Record<string, string>> = { x64: 'amd64', ia32: '386', ppc64: 'ppc64le' };

/** What images for this machine are for; by default of the process's own. Containers run Linux but on Windows. */
export function localPlatform({ arch, platform }: Pick<NodeJS.Process, 'arch' | 'platform'> = process): Platform {
  return { os: platform === 'win32' ? 'windows' : 'linux', architecture: architectures[arch] ?? arch };
}
