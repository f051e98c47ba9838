// Compose: a Config in, a running service out. The one file that knows every folder; it decides nothing.
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createAdminApp } from './admin/app.ts';
import { createJobsRoutes } from './admin/jobs-routes.ts';
import type { Config, UpstreamConfig, UpstreamUrlConfig } from './config/config.ts';
import { createMirrorApp } from './http/app.ts';
import { createListener, type ListenAddress } from './http/listener.ts';
import { createJobs } from './mirror/jobs/jobs.ts';
import { fetchLayersAhead } from './mirror/jobs/layers-ahead.ts';
import { localPlatform } from './mirror/jobs/local-platform.ts';
import { createPrefetch } from './mirror/jobs/prefetch.ts';
import type { MirrorStats } from './mirror/mirror-api.ts';
import { createMirror } from './mirror/mirror.ts';
import { openStore, type Store } from './store/open-store.ts';
import { systemClock, type Clock } from './telemetry/clock.ts';
import { createLog } from './telemetry/create-log.ts';
import { createMetrics, type Metrics } from './telemetry/create-metrics.ts';
import { createHealth, type Health } from './telemetry/health.ts';
import type { Log } from './telemetry/log.ts';
import { defaultTimeouts, type UpstreamOptions, type UpstreamUrlOptions } from './upstream/options.ts';
import { createUpstreams, type Upstreams } from './upstream/upstreams.ts';

/** A mirror that is listening. */
export interface Service {
  /** What the listeners are bound to, in the order of the configuration. */
  readonly mirrorAddresses: readonly ListenAddress[];
  readonly adminAddresses: readonly ListenAddress[];
  readonly log: Log;
  stats(): MirrorStats;
  /**
   * Unready at once; after `drainDelay` no new connections, after at most `drain` no old ones; then everything
   * is closed. A further call gives the same end.
   */
  stop(): Promise<void>;
}

export interface ServiceOptions {
  readonly version: string;
  readonly environment: NodeJS.ProcessEnv;
  readonly clock?: Clock;
  /** Default: pino on standard output. */
  readonly log?: Log;
}

interface Telemetry {
  readonly clock: Clock;
  readonly log: Log;
  readonly meter: Metrics;
  readonly health: Health;
}

/** Starts everything, or nothing: what was opened before a failure is closed again. */
export async function startService(config: Config, options: ServiceOptions): Promise<Service> {
  const telemetry: Telemetry = {
    clock: options.clock ?? systemClock,
    log: options.log ?? createLog({ level: config.log.level }),
    meter: createMetrics(),
    health: createHealth(),
  };
  const instanceId = config.instance ?? randomUUID().slice(0, 8);
  const context = { ...telemetry, instanceId, version: options.version, timeouts: defaultTimeouts };
  const proxy = findProxy(options.environment);
  const upstreams = createUpstreams(
    config.upstreams.map((upstream) => toUpstreamOptions(upstream, proxy)),
    context,
  );
  for (const { name } of config.upstreams.filter((upstream) => upstream.sharesCredentials)) {
    telemetry.log.warn({ upstream: name }, 'shareCredentials: whoever reaches this mirror sees what its login sees');
  }
  try {
    return await startWithStore(config, { upstreams, instanceId, ...telemetry });
  } catch (error) {
    await upstreams.close();
    throw error;
  }
}

async function startWithStore(config: Config, parts: Omit<Parts, 'store'>): Promise<Service> {
  const store = await openStore({ ...config.cache, ...parts });
  try {
    return await listen(config, { ...parts, store });
  } catch (error) {
    await store.close();
    throw error;
  }
}

interface Parts extends Telemetry {
  readonly store: Store;
  readonly upstreams: Upstreams;
  readonly instanceId: string;
}

async function listen(config: Config, parts: Parts): Promise<Service> {
  const { clock, log, meter, health, store, upstreams } = parts;
  const fallback = { ...config.cache.freshness, tagPolicies: [] };
  const freshness = new Map(
    config.upstreams.map((upstream) => [upstream.name, { ...upstream.freshness, tagPolicies: upstream.tagPolicies }]),
  );
  const mirror = createMirror({
    ...parts,
    ...store,
    fillLimits: toFillLimits(config),
    connectionsPerUpstream: config.fill.maxUpstreamConnections,
    freshnessOf: (name) => freshness.get(name) ?? fallback,
  });
  const jobs = createJobs({ ...parts, ...store, mirror, platforms: [localPlatform()], onJob: () => {} });
  const prefetch = createPrefetch({ ...config.prefetch, jobs, clock, log });
  const layersAhead = config.prefetch.onPull === 'layers' ? fetchLayersAhead(mirror, { clock, log }) : undefined;
  let isReady = false;
  const mirrorListener = createListener({
    clock,
    handler: createMirrorApp({
      ...parts,
      mirror: layersAhead?.mirror ?? mirror,
      addresses: config,
      limits: config.limits,
      isCatalogEnabled: config.catalog,
    }),
  });
  const adminListener = createListener({
    clock,
    handler: createAdminApp({
      metrics: meter,
      health,
      isReady: () => isReady,
      hosts: config.admin.hosts,
      api: [createJobsRoutes({ jobs, upstreams: config.upstreams })],
    }),
  });
  meter.gauge('fills_running', 'Fills that run now', () => mirror.stats().fills);
  meter.gauge('fill_readers', 'Pulls that follow running fills', () => mirror.stats().readers);
  meter.gauge('client_connections', 'Open connections of clients', () => mirrorListener.connections);

  const closeAll = async (drainMs: number): Promise<void> => {
    await Promise.all([prefetch.close(), jobs.close(), layersAhead?.close(), mirrorListener.close({ drainMs })]);
    await mirror.close();
    await adminListener.close({ drainMs: 0 });
    await upstreams.close();
    await store.close();
  };
  try {
    const adminAddresses = await adminListener.listen(config.admin.listen);
    const mirrorAddresses = await mirrorListener.listen(config.listen);
    isReady = true;
    prefetch.start();
    let ending: Promise<void> | undefined;
    const stop = async (): Promise<void> => {
      isReady = false;
      await new Promise<void>((resolve) => clock.startTimer(config.limits.drainDelayMs, resolve));
      await closeAll(config.limits.drainMs);
    };
    return { mirrorAddresses, adminAddresses, log, stats: () => mirror.stats(), stop: () => (ending ??= stop()) };
  } catch (error) {
    await mirrorListener.close({ drainMs: 0 });
    await adminListener.close({ drainMs: 0 });
    throw error;
  }
}

/** Clients ask for the next layer well within it, and nobody waits for what it delays. */
const smallQuietMs = 50;

function toFillLimits({ fill }: Config) {
  return {
    idleTimeoutMs: fill.idleTimeoutMs,
    minBytesPerSecond: fill.minRateBytesPerSecond,
    resumeForMs: fill.resumeForMs,
    maxConnections: fill.maxConnections,
    abandonedBytes: fill.abandonedBytes,
    maxBlobBytes: fill.maxBlobSizeBytes,
    quietMs: smallQuietMs,
  };
}

function toUpstreamOptions(
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
  const { username, password: source } = login;
  const password = source.type === 'file' ? { file: source.path } : { env: source.variable };
  return { url, authHosts, tags: isTagSource, login: { username, password } };
}

function readPem<Name extends 'ca' | 'cert' | 'key'>(name: Name, file: string | undefined): { [key in Name]?: string } {
  return file === undefined ? {} : ({ [name]: readFileSync(file, 'utf8') } as { [key in Name]?: string });
}

function findProxy(environment: NodeJS.ProcessEnv): { url: string; noProxy: string } | undefined {
  const url = environment['HTTPS_PROXY'] ?? environment['https_proxy'];
  if (url === undefined || url === '') return undefined;
  return { url, noProxy: environment['NO_PROXY'] ?? environment['no_proxy'] ?? '' };
}
