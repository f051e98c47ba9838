/** What an image runs on (image-spec, image-index.md "platform"). Lower case. */
export interface Platform {
  readonly os: string;
  readonly architecture: string;
  /** Undefined where nobody says; arm64 is v8 then. */
  readonly variant?: string;
}

/** `linux/arm/v7`, `linux/amd64`. Undefined for anything else. */
export function findPlatform(text: string): Platform | undefined {
  const [, os, architecture, variant] = /^([a-z0-9]+)\/([a-z0-9]+)(?:\/([a-z0-9.]+))?$/.exec(text) ?? [];
  if (os === undefined || architecture === undefined || text.length > 60) return undefined;
  return { os, architecture, ...(variant !== undefined && { variant }) };
}

export function formatPlatform({ os, architecture, variant }: Platform): string {
  return [os, architecture, ...(variant === undefined ? [] : [variant])].join('/');
}

/** Whether `platform` is what was asked for: without a variant any of them is. */
export function isOfPlatform(platform: Platform, wanted: Platform): boolean {
  const isSame = platform.os === wanted.os && platform.architecture === wanted.architecture;
  return isSame && (wanted.variant === undefined || variantOf(platform) === variantOf(wanted));
}

function variantOf({ architecture, variant }: Platform): string | undefined {
  return variant ?? (architecture === 'arm64' ? 'v8' : undefined);
}
