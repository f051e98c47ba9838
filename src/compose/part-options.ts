// From the configuration to what the parts are told: units and names change, nothing is decided.
import { readFileSync } from 'node:fs';
import type { Config, Login, UpstreamConfig, UpstreamUrlConfig } from '../config/config.ts';
import type { LoginOptions, UpstreamOptions, UpstreamUrlOptions } from '../upstream/options.ts';

/** What parts look up again and again, made ready once for each configuration. */
export function toLookups(config: Config) {
  return {
    fillLimits: toFillLimits(config),
    freshness: new Map(
      config.upstreams.map(({ name, freshness, tagPolicies }) => [name, { ...freshness, tagPolicies }]),
    ),
    rules: new Map(config.upstreams.filter(hasRules).map(({ name, allow, deny }) => [name, { allow, deny }])),
    accessTtls: new Map(
      config.upstreams
        .filter(({ access }) => access === 'passthrough')
        .map(({ name, accessTtlMs }) => [name, accessTtlMs]),
    ),
    otherFreshness: { ...config.cache.freshness, tagPolicies: [] },
  };
}

/** Where everything may be pulled there is nothing to look at. */
function hasRules({ allow, deny }: UpstreamConfig): boolean {
  return allow !== undefined || deny.length > 0;
}

/** Clients ask for the next layer well within it, and nobody waits for what it delays. */
const quietMs = 50;

function toFillLimits({ fill }: Config) {
  return {
    idleTimeoutMs: fill.idleTimeoutMs,
    minBytesPerSecond: fill.minRateBytesPerSecond,
    resumeForMs: fill.resumeForMs,
    maxConnections: fill.maxConnections,
    abandonedBytes: fill.abandonedBytes,
    maxBlobBytes: fill.maxBlobSizeBytes,
    maxFills: fill.maxFills,
    maxUpstreamFills: fill.maxUpstreamFills,
    maxWaiting: fill.maxWaiting,
    quietMs,
  };
}

/** Reads the TLS files. @throws what the system says of them */
export function toUpstreamOptions(
  upstream: UpstreamConfig,
  proxy: { url: string; noProxy: string } | undefined,
): UpstreamOptions {
  const { name, urls, repositoryPrefix, proxyUrl, egressAllow, tls, rateLimitReserve } = upstream;
  const isSecure = urls.every(({ url }) => url.startsWith('https:'));
  const ownProxy = proxyUrl === undefined ? (isSecure ? proxy : undefined) : { url: proxyUrl, noProxy: '' };
  return {
    name,
    urls: urls.map(toUrlOptions),
    shareCredentials: upstream.sharesCredentials,
    egressAllow,
    ...(repositoryPrefix === undefined ? {} : { repositoryPrefix }),
    ...(ownProxy === undefined ? {} : { proxy: ownProxy }),
    ...(rateLimitReserve === undefined ? {} : { rateLimitReserve }),
    tls: { ...readPem('ca', tls.caFile), ...readPem('cert', tls.certFile), ...readPem('key', tls.keyFile) },
  };
}

function toUrlOptions({ url, login, authHosts, isTagSource }: UpstreamUrlConfig): UpstreamUrlOptions {
  if (login === undefined) return { url, authHosts, tags: isTagSource };
  return { url, authHosts, tags: isTagSource, login: toLoginOptions(login) };
}

function toLoginOptions(login: Login): LoginOptions {
  if ('helper' in login) return login;
  const { username, password: source } = login;
  return { username, password: source.type === 'file' ? { file: source.path } : { env: source.variable } };
}

function readPem<Name extends 'ca' | 'cert' | 'key'>(name: Name, file: string | undefined): { [key in Name]?: string } {
  return file === undefined ? {} : ({ [name]: readFileSync(file, 'utf8') } as { [key in Name]?: string });
}

/** What HTTPS_PROXY and NO_PROXY say. */
export function findProxy(environment: NodeJS.ProcessEnv): { url: string; noProxy: string } | undefined {
  const url = environment['HTTPS_PROXY'] ?? environment['https_proxy'];
  if (url === undefined || url === '') return undefined;
  return { url, noProxy: environment['NO_PROXY'] ?? environment['no_proxy'] ?? '' };
}
