// Compose: a Config in, a running service out. The one file that knows every folder; it decides nothing.
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { ConfigurationState } from './admin/api-types.ts';
import { createAdminApp } from './admin/app.ts';
import { createOperatorSide } from './compose/operator-side.ts';
import { createUpkeep } from './compose/upkeep.ts';
import type { Config, UpstreamConfig, UpstreamUrlConfig } from './config/config.ts';
import { createMirrorApp } from './http/app.ts';
import { createListener, type ListenAddress } from './http/listener.ts';
import type { MirrorStats } from './mirror/mirror-api.ts';
import { createMirror } from './mirror/mirror.ts';
import { openStore, type Store } from './store/open-store.ts';
import { systemClock, type Clock } from './telemetry/clock.ts';
import { createLog } from './telemetry/create-log.ts';
import { createMetrics, type Metrics } from './telemetry/create-metrics.ts';
import { createEvents, type Events } from './telemetry/events.ts';
import { createHealth, type Health } from './telemetry/health.ts';
import type { Log } from './telemetry/log.ts';
import { createTraffic, meterTraffic, type Traffic } from './telemetry/traffic.ts';
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
  /** Absolute name of the file that the configuration came from; undefined: built-in defaults. */
  readonly configFile?: string | undefined;
  readonly clock?: Clock;
  /** Default: pino on standard output. */
  readonly log?: Log;
}

interface Telemetry {
  readonly clock: Clock;
  readonly log: Log;
  readonly meter: Metrics;
  readonly health: Health;
  readonly events: Events;
  readonly traffic: Traffic;
}

/** Starts everything, or nothing: what was opened before a failure is closed again. */
export async function startService(config: Config, options: ServiceOptions): Promise<Service> {
  const log = options.log ?? createLog({ level: config.log.level });
  const clock = options.clock ?? systemClock;
  const traffic = createTraffic(clock);
  const telemetry: Telemetry = {
    clock,
    log,
    traffic,
    meter: meterTraffic(createMetrics(), traffic),
    health: createHealth(),
    events: createEvents(log),
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
    const { version, configFile: file = null } = options;
    const configuration = { file, loadedAt: new Date(clock.wallMs()).toISOString(), problems: [] };
    return await startWithStore(config, {
      upstreams,
      instanceId,
      version,
      configuration: () => configuration,
      ...telemetry,
    });
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
  readonly version: string;
  readonly configuration: () => ConfigurationState;
}

async function listen(config: Config, parts: Parts): Promise<Service> {
  const { clock, log, meter, store, upstreams, traffic } = parts;
  traffic.restore(store.catalog);
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
  const upkeep = createUpkeep({ ...parts, mirror, config: () => config });
  let isReady = false;
  let mirrorAddresses: readonly ListenAddress[] = [];
  const operator = await createOperatorSide({
    ...parts,
    mirror,
    config: () => config,
    mirrorAddresses: () => mirrorAddresses,
    isReady: () => isReady,
    findJob: (id) => upkeep.findJob(id),
    routes: upkeep.routes,
  });
  const mirrorListener = createListener({
    clock,
    handler: createMirrorApp({
      ...parts,
      mirror: upkeep.mirror,
      addresses: config,
      limits: config.limits,
      isCatalogEnabled: config.catalog,
    }),
  });
  const adminListener = createListener({ clock, handler: createAdminApp(operator.app) });
  meter.gauge('fills_running', 'Fills that run now', () => mirror.stats().fills);
  meter.gauge('fill_readers', 'Pulls that follow running fills', () => mirror.stats().readers);
  meter.gauge('client_connections', 'Open connections of clients', () => mirrorListener.connections);

  const closeAll = async (drainMs: number): Promise<void> => {
    await Promise.all([upkeep.close(), mirrorListener.close({ drainMs })]);
    await mirror.close();
    operator.stream.close();
    await adminListener.close({ drainMs: 0 });
    await upstreams.close();
    await traffic.close();
    await store.close();
  };
  try {
    const adminAddresses = await adminListener.listen(config.admin.listen);
    mirrorAddresses = await mirrorListener.listen(config.listen);
    isReady = true;
    upkeep.start();
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
