import { resolve } from 'node:path';
import type { Pin } from '../oci/pin.ts';
import { findPullRule } from '../oci/pull-rule.ts';
import type { Config, FreshnessConfig, Login, PrefetchConfig, UpstreamConfig, UpstreamUrlConfig } from './config.ts';
import { dockerHub } from './docker-hub.ts';
import { findImage } from './images.ts';
import { findPin, resolvePin } from './pins.ts';
import type { Settings, UpstreamSettings } from './schema.ts';

/**
 * Checked settings → what the service runs by, frozen all through: file names absolute, defaults that depend
 * on other keys filled in. Relative file names count from `directory`.
 */
export function resolveConfig(settings: Settings, directory: string): Config {
  const { cache, fill, limits } = settings;
  const freshness = resolveFreshness(cache);
  const defaultName = findDefault(settings.upstreams);
  return freeze({
    listen: settings.listen,
    publicUrl: settings.publicUrl,
    instance: settings.instance,
    catalog: settings.catalog,
    tls: resolveListenerTls(settings.tls, directory),
    admin: resolveAdmin(settings.admin, directory),
    clients: { ...settings.clients, accounts: { file: absolute(settings.clients.accounts.file, directory) } },
    cache: {
      path: resolve(directory, cache.path),
      maxSizeBytes: cache.maxSize,
      minFreeBytes: cache.minFree,
      maxIdleMs: cache.maxIdle,
      pins: resolvePins(settings, defaultName),
      scrubEveryMs: cache.scrubEvery,
      lockWaitMs: cache.lockWait,
      freshness,
    },
    fill: {
      idleTimeoutMs: fill.idleTimeout,
      resumeForMs: fill.resumeFor,
      maxConnections: fill.maxConnections,
      maxUpstreamConnections: fill.maxUpstreamConnections,
      abandonedBytes: fill.abandonedBytes,
      maxBlobSizeBytes: fill.maxBlobSize,
      minRateBytesPerSecond: fill.minRate,
      maxFills: fill.maxFills,
      maxUpstreamFills: fill.maxUpstreamFills,
      maxWaiting: fill.maxWaiting,
    },
    prefetch: resolvePrefetch(settings, defaultName),
    limits: {
      writeIdleMs: limits.writeIdle,
      drainMs: limits.drain,
      drainDelayMs: limits.drainDelay,
      connectionsPerClient: limits.connectionsPerClient,
      requestsPerClient: limits.requestsPerClient,
      burstPerClient: limits.burstPerClient,
    },
    log: settings.log,
    upstreams: settings.upstreams.map((upstream) => ({
      ...resolveUpstream(upstream, directory),
      isDefault: upstream.name === defaultName,
      egressAllow: [...new Set([...settings.egress.allow, ...upstream.egress.allow])],
      freshness: { ...freshness, ...resolveOverrides(upstream) },
    })),
  });
}

function resolveAdmin(admin: Settings['admin'], directory: string): Config['admin'] {
  const { listen, hosts, tokenFile, createToken, openMetrics, tls } = admin;
  return {
    listen,
    hosts,
    tokenFile: absolute(tokenFile, directory),
    createsToken: createToken,
    hasOpenMetrics: openMetrics,
    tls: resolveListenerTls(tls, directory),
  };
}

/** The rules between keys see to it that certificate and key come together. */
function resolveListenerTls(tls: Settings['tls'], directory: string): Config['tls'] {
  const { clientCerts } = tls;
  const [certFile, keyFile] = [absolute(tls.certFile, directory), absolute(tls.keyFile, directory)];
  if (certFile === undefined || keyFile === undefined) return undefined;
  return { certFile, keyFile, clientCaFile: absolute(tls.clientCaFile, directory), clientCerts };
}

function absolute(name: string | undefined, directory: string): string | undefined {
  return name === undefined ? undefined : resolve(directory, name);
}

/** The marked one, else Docker Hub, else the first (design section 8). */
function findDefault(upstreams: readonly UpstreamSettings[]): string | undefined {
  const chosen =
    upstreams.find((upstream) => upstream.default) ??
    upstreams.find((upstream) => upstream.name === dockerHub.name) ??
    upstreams[0];
  return chosen?.name;
}

function resolveUpstream(
  upstream: UpstreamSettings,
  directory: string,
): Omit<UpstreamConfig, 'isDefault' | 'egressAllow' | 'freshness'> {
  const file = (name: string | undefined) => absolute(name, directory);
  const { caFile, certFile, keyFile } = upstream.tls;
  return {
    name: upstream.name,
    aliases: aliasesOf(upstream),
    virtualHosts: upstream.virtualHosts,
    urls: resolveUrls(upstream, directory),
    sharesCredentials: upstream.shareCredentials,
    access: upstream.access,
    accessTtlMs: upstream.accessTtl,
    repositoryPrefix: upstream.repositoryPrefix,
    tls: { caFile: file(caFile), certFile: file(certFile), keyFile: file(keyFile) },
    proxyUrl: upstream.proxy,
    rateLimitReserve: upstream.rateLimitReserve,
    allow: upstream.allow?.flatMap((text) => findPullRule(text) ?? []),
    deny: upstream.deny.flatMap((text) => findPullRule(text) ?? []),
    // The rules between keys see to it that one of the two is there.
    tagPolicies: upstream.tags.map(({ match, immutable, ttl }) => ({
      match,
      ttlMs: immutable ? Infinity : (ttl ?? 0),
    })),
  };
}

function aliasesOf({ name, aliases }: UpstreamSettings): readonly string[] {
  return aliases ?? (name === dockerHub.name ? dockerHub.aliases : []);
}

/** The rules between keys see to it that every pin is about an upstream of the list. */
function resolvePins({ cache, upstreams }: Settings, defaultName: string | undefined): readonly Pin[] {
  const named = upstreams.map((upstream) => ({ name: upstream.name, aliases: aliasesOf(upstream) }));
  return cache.pins.flatMap((text) => {
    const pin = findPin(text);
    return (pin && resolvePin(pin, named, defaultName)) ?? [];
  });
}

/** The rules between keys see to it that every image is one of an upstream of the list. */
function resolvePrefetch({ prefetch, upstreams }: Settings, defaultName: string | undefined): PrefetchConfig {
  const { platforms, every, atStart, onPull } = prefetch;
  const named = upstreams.map((upstream) => ({
    name: upstream.name,
    aliases: aliasesOf(upstream),
    isDefault: upstream.name === defaultName,
  }));
  const images = prefetch.images.flatMap((text) => findImage(text, named) ?? []);
  return { images, platforms, everyMs: every, isAtStart: atStart, onPull };
}

function resolveUrls(upstream: UpstreamSettings, directory: string): readonly UpstreamUrlConfig[] {
  const fallback = upstream.name === dockerHub.name ? dockerHub.url : `https://${upstream.name}`;
  const urls = upstream.urls ?? [{ ...upstream, url: upstream.url ?? fallback, tags: undefined }];
  return urls.map((entry, index) => ({
    url: entry.url,
    login: resolveLogin(entry, directory),
    authHosts: entry.authHosts ?? [],
    isTagSource: entry.tags === true || index === urls.length - 1,
  }));
}

function resolveLogin(
  entry: Pick<UpstreamSettings, 'username' | 'passwordFile' | 'passwordEnv' | 'credentialHelper'>,
  directory: string,
): Login | undefined {
  const { username, passwordFile, passwordEnv, credentialHelper } = entry;
  if (credentialHelper !== undefined) return { helper: credentialHelper };
  if (username === undefined) return undefined;
  if (passwordFile !== undefined) {
    return { username, password: { type: 'file', path: resolve(directory, passwordFile) } };
  }
  return passwordEnv === undefined ? undefined : { username, password: { type: 'environment', variable: passwordEnv } };
}

type FreshnessSettings = Settings['cache'];

function resolveFreshness(settings: FreshnessSettings): FreshnessConfig {
  return {
    tagTtlMs: settings.tagTtl,
    staleWhileRevalidateMs: settings.staleWhileRevalidate,
    staleIfErrorMs: settings.staleIfError,
    negativeTtlMs: settings.negativeTtl,
    listTtlMs: settings.listTtl,
    checkTimeoutMs: settings.checkTimeout,
  };
}

function resolveOverrides(upstream: UpstreamSettings): Partial<FreshnessConfig> {
  const { tagTtl, staleWhileRevalidate, staleIfError, negativeTtl, listTtl, checkTimeout } = upstream;
  return {
    ...(tagTtl !== undefined && { tagTtlMs: tagTtl }),
    ...(staleWhileRevalidate !== undefined && { staleWhileRevalidateMs: staleWhileRevalidate }),
    ...(staleIfError !== undefined && { staleIfErrorMs: staleIfError }),
    ...(negativeTtl !== undefined && { negativeTtlMs: negativeTtl }),
    ...(listTtl !== undefined && { listTtlMs: listTtl }),
    ...(checkTimeout !== undefined && { checkTimeoutMs: checkTimeout }),
  };
}

function freeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  for (const part of Object.values(value)) freeze(part);
  return Object.freeze(value);
}
