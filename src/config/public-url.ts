import type { Config, ListenerTlsConfig } from './config.ts';
import { formatListenAddress, type ListenAddress } from './units.ts';

/**
 * What clients are told: `publicUrl`, else the first address the mirror listens on. `bound` are the addresses
 * it really got, where they are known. All interfaces become loopback: which of them clients can reach, only
 * the operator knows.
 */
export function resolvePublicUrl(config: Config, bound: readonly ListenAddress[] = config.listen): string {
  const [address] = bound;
  return config.publicUrl ?? (address === undefined ? 'http://127.0.0.1:5000' : formatHttpUrl(address, config.tls));
}

/** The URL of a listener, as seen from this machine: with TLS, `https:`. */
export function formatHttpUrl({ host, port }: ListenAddress, tls: ListenerTlsConfig | undefined): string {
  const scheme = tls === undefined ? 'http' : 'https';
  const wildcards: Readonly<Record<string, string>> = { '0.0.0.0': '127.0.0.1', '::': '::1' };
  return new URL(`${scheme}://${formatListenAddress({ host: wildcards[host] ?? host, port })}`).origin;
}

/** True where only this machine can reach it. */
export function isLoopbackUrl(url: string): boolean {
  const { hostname } = new URL(url);
  return hostname === 'localhost' || hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(hostname);
}
