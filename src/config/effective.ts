import { formatImageName } from '../oci/image-name.ts';
import { formatPin } from '../oci/pin.ts';
import { formatPlatform } from '../oci/platform.ts';
import type { Config, FreshnessConfig, Login, PrefetchConfig, UpstreamConfig } from './config.ts';
import { formatDuration, formatListenAddress, formatSize, type ListenAddress } from './units.ts';
import { formatYaml } from './yaml-text.ts';

/**
 * A configuration as YAML that loads to the same again, every default written out. Secrets are never in a
 * Config; should a login ever get into a URL, it is masked.
 */
export function formatConfig(config: Config): string {
  const { cache, fill, limits } = config;
  return maskLogins(
    formatYaml({
      listen: formatListen(config.listen),
      ...(config.publicUrl !== undefined && { publicUrl: config.publicUrl }),
      ...(config.instance !== undefined && { instance: config.instance }),
      catalog: config.catalog,
      ...(config.tls !== undefined && { tls: withoutGaps(config.tls) }),
      admin: formatAdmin(config),
      clients: { ...config.clients, accounts: withoutGaps(config.clients.accounts) },
      cache: {
        path: cache.path,
        maxSize: formatSize(cache.maxSizeBytes),
        minFree: formatSize(cache.minFreeBytes),
        maxIdle: formatForever(cache.maxIdleMs),
        pins: cache.pins.map(formatPin),
        scrubEvery: formatForever(cache.scrubEveryMs),
        ...formatFreshness(cache.freshness),
        lockWait: formatDuration(cache.lockWaitMs),
      },
      fill: {
        idleTimeout: formatDuration(fill.idleTimeoutMs),
        resumeFor: formatDuration(fill.resumeForMs),
        maxConnections: fill.maxConnections,
        maxUpstreamConnections: fill.maxUpstreamConnections,
        abandonedBytes: formatSize(fill.abandonedBytes),
        maxBlobSize: formatSize(fill.maxBlobSizeBytes),
        minRate: formatSize(fill.minRateBytesPerSecond),
        maxFills: fill.maxFills,
        maxUpstreamFills: fill.maxUpstreamFills,
        maxWaiting: fill.maxWaiting,
      },
      prefetch: formatPrefetch(config.prefetch),
      limits: {
        writeIdle: formatDuration(limits.writeIdleMs),
        drain: formatDuration(limits.drainMs),
        drainDelay: formatDuration(limits.drainDelayMs),
        ...formatClientLimits(limits),
      },
      log: config.log,
      upstreams: config.upstreams.map(formatUpstream),
    }),
  );
}

function formatAdmin({ admin }: Config) {
  return {
    listen: formatListen(admin.listen),
    hosts: admin.hosts,
    ...(admin.tokenFile !== undefined && { tokenFile: admin.tokenFile }),
    createToken: admin.createsToken,
    openMetrics: admin.hasOpenMetrics,
    ...(admin.tls !== undefined && { tls: withoutGaps(admin.tls) }),
  };
}

function formatClientLimits({ connectionsPerClient, requestsPerClient, burstPerClient }: Config['limits']) {
  return {
    ...(connectionsPerClient !== undefined && { connectionsPerClient }),
    ...(requestsPerClient !== undefined && { requestsPerClient }),
    ...(burstPerClient !== undefined && { burstPerClient }),
  };
}

function formatPrefetch({ images, platforms, everyMs, isAtStart, onPull }: PrefetchConfig) {
  return {
    images: images.map(formatImageName),
    ...(platforms !== undefined && { platforms: platforms === 'all' ? platforms : platforms.map(formatPlatform) }),
    every: everyMs === Infinity ? 'never' : formatDuration(everyMs),
    atStart: isAtStart,
    onPull,
  };
}

function formatUpstream(upstream: UpstreamConfig) {
  const { tls, repositoryPrefix, proxyUrl, rateLimitReserve } = upstream;
  return {
    name: upstream.name,
    urls: upstream.urls.map(({ url, login, authHosts, isTagSource }) => ({
      url,
      ...formatLogin(login),
      authHosts,
      tags: isTagSource,
    })),
    aliases: upstream.aliases,
    virtualHosts: upstream.virtualHosts,
    default: upstream.isDefault,
    shareCredentials: upstream.sharesCredentials,
    access: upstream.access,
    accessTtl: formatDuration(upstream.accessTtlMs),
    ...(repositoryPrefix !== undefined && { repositoryPrefix }),
    tls: withoutGaps(tls),
    ...(proxyUrl !== undefined && { proxy: proxyUrl }),
    egress: { allow: upstream.egressAllow },
    ...formatFreshness(upstream.freshness),
    ...(rateLimitReserve !== undefined && { rateLimitReserve }),
    ...(upstream.allow !== undefined && { allow: upstream.allow.map(({ text }) => text) }),
    deny: upstream.deny.map(({ text }) => text),
    tags: upstream.tagPolicies.map(({ match, ttlMs }) =>
      ttlMs === Infinity ? { match, immutable: true } : { match, ttl: formatDuration(ttlMs) },
    ),
  };
}

function withoutGaps(keys: object): object {
  return Object.fromEntries(Object.entries(keys).filter(([, value]) => value !== undefined));
}

function formatLogin(login: Login | undefined) {
  if (login === undefined) return {};
  if ('helper' in login) return { credentialHelper: login.helper };
  const { username, password } = login;
  return password.type === 'file'
    ? { username, passwordFile: password.path }
    : { username, passwordEnv: password.variable };
}

function formatFreshness(freshness: FreshnessConfig) {
  return {
    tagTtl: formatDuration(freshness.tagTtlMs),
    staleWhileRevalidate: formatDuration(freshness.staleWhileRevalidateMs),
    staleIfError: formatForever(freshness.staleIfErrorMs),
    negativeTtl: formatDuration(freshness.negativeTtlMs),
    listTtl: formatDuration(freshness.listTtlMs),
    checkTimeout: formatDuration(freshness.checkTimeoutMs),
  };
}

function formatForever(ms: number): string {
  return ms === Infinity ? 'forever' : formatDuration(ms);
}

function formatListen(addresses: readonly ListenAddress[]): readonly string[] {
  return addresses.map(formatListenAddress);
}

function maskLogins(text: string): string {
  return text.replaceAll(/(:\/\/)[^\s/@"']+@/g, '$1***@');
}
