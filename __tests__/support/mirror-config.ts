/** The configuration file's text for a mirror under test: JSON is YAML. */
export interface MirrorConfig {
  readonly mirrorPort: number;
  readonly adminPort: number;
  readonly cachePath: string;
  readonly upstreams: readonly object[];
  /** Further top-level keys; `cache` and `admin` are merged. */
  readonly more?: Readonly<Record<string, unknown>>;
}

/** Everything on 127.0.0.1, as little disk reserve as possible. */
export function formatMirrorConfig({ mirrorPort, adminPort, cachePath, upstreams, more = {} }: MirrorConfig): string {
  return JSON.stringify({
    listen: `127.0.0.1:${mirrorPort}`,
    upstreams,
    ...more,
    admin: { listen: `127.0.0.1:${adminPort}`, ...(more['admin'] as object | undefined) },
    cache: { path: cachePath, minFree: '10MB', ...(more['cache'] as object | undefined) },
  });
}
