// Compose: a Config in, a running service out. The one file that knows every folder; it decides nothing.
import { randomUUID } from 'node:crypto';
import { createAdminApp } from './admin/app.ts';
import { openClientSide, type ClientSide } from './compose/client-side.ts';
import { createOperatorSide } from './compose/operator-side.ts';
import { createUpkeep } from './compose/upkeep.ts';
import type { Config } from './config/config.ts';
import type { ConfigSource } from './config/source.ts';
import { createHelperRunner, type HelperRunner } from './compose/credential-helper.ts';
import { createMirrorApp } from './http/app.ts';
import { connectionLimit } from './http/client-limits.ts';
import { describeUnread } from './http/error-response.ts';
import { createListener, type ListenAddress } from './http/listener.ts';
import type { MirrorStats } from './mirror/mirror-api.ts';
import { createMirror } from './mirror/mirror.ts';
import { createRuledMirror } from './mirror/rules/ruled-mirror.ts';
import { findProxy, toLookups, toUpstreamOptions } from './compose/part-options.ts';
import { startReloads } from './compose/reload.ts';
import { openStore, type Store } from './store/open-store.ts';
import { systemClock, type Clock } from './telemetry/clock.ts';
import { createAudit, type ClosableAudit } from './telemetry/audit.ts';
import { createLog, type LevelledLog } from './telemetry/create-log.ts';
import { createMetrics, type Metrics } from './telemetry/create-metrics.ts';
import { createEvents, type Events } from './telemetry/events.ts';
import { createHealth, type Health } from './telemetry/health.ts';
import type { Log } from './telemetry/log.ts';
import { createTraffic, meterTraffic, type Traffic } from './telemetry/traffic.ts';
import { registerServiceGauges } from './telemetry/service-gauges.ts';
import { defaultTimeouts } from './upstream/options.ts';
import { createUpstreams, type Upstreams } from './upstream/upstreams.ts';

/** A mirror that is listening. */
export interface Service {
  /** What the listeners are bound to, in the order of the configuration. */
  readonly mirrorAddresses: readonly ListenAddress[];
  readonly adminAddresses: readonly ListenAddress[];
  readonly log: Log;
  stats(): MirrorStats;
  /** Reads the configuration anew, and applies it if it is good. Never throws; harmless while the service ends. */
  reload(): void;
  /**
   * Unready at once; after `drainDelay` no new connections, after at most `drain` no old ones; then everything
   * is closed. A further call gives the same end.
   */
  stop(): Promise<void>;
}

export interface ServiceOptions {
  readonly version: string;
  readonly environment: NodeJS.ProcessEnv;
  /** Where the configuration came from, watched from now on; without it nothing is reloaded. */
  readonly source?: ConfigSource;
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
  readonly audit: ClosableAudit;
}

/** Starts everything, or nothing: what was opened before a failure is closed again. */
export async function startService(config: Config, options: ServiceOptions): Promise<Service> {
  const clock = options.clock ?? systemClock;
  const log: Log & Partial<LevelledLog> = options.log ?? createLog({ level: config.log.level });
  const traffic = createTraffic(clock);
  const meter = meterTraffic(createMetrics(), traffic);
  const telemetry: Telemetry = {
    clock,
    log,
    traffic,
    meter,
    audit: createAudit({ clock, log, meter }),
    health: createHealth(),
    events: createEvents(log),
  };
  registerServiceGauges(telemetry.meter, telemetry.health, options.version);
  const instanceId = config.instance ?? randomUUID().slice(0, 8);
  const helpers = createHelperRunner({ environment: options.environment, clock });
  const { version } = options;
  const context = { ...telemetry, instanceId, version, timeouts: defaultTimeouts, runHelper: helpers.run };
  const proxy = findProxy(options.environment);
  const toOptions = (next: Config) => next.upstreams.map((upstream) => toUpstreamOptions(upstream, proxy));
  const upstreams = createUpstreams(toOptions(config), context);
  warnOfSharing(config, log);
  const onReload = (next: Config): void => {
    // First, since it alone may fail, and then changes nothing.
    upstreams.replace(toOptions(next));
    log.setLevel?.(next.log.level);
    warnOfSharing(next, log);
  };
  try {
    return await startWithStore(config, {
      upstreams,
      instanceId,
      version,
      helpers,
      onReload,
      source: options.source,
      ...telemetry,
    });
  } catch (error) {
    helpers.close();
    await upstreams.close();
    throw error;
  }
}

function warnOfSharing(config: Config, log: Log): void {
  for (const { name } of config.upstreams.filter((upstream) => upstream.sharesCredentials)) {
    log.warn({ upstream: name }, 'shareCredentials: whoever reaches this mirror sees what its login sees');
  }
}

async function startWithStore(config: Config, parts: Omit<Parts, 'store' | 'clients'>): Promise<Service> {
  const store = await openStore({ ...config.cache, ...parts });
  let clients: ClientSide | undefined;
  try {
    clients = await openClientSide(config, parts);
    return await listen(config, { ...parts, store, clients });
  } catch (error) {
    await clients?.close();
    await store.close();
    throw error;
  }
}

interface Parts extends Telemetry {
  readonly store: Store;
  readonly clients: ClientSide;
  readonly upstreams: Upstreams;
  readonly instanceId: string;
  readonly version: string;
  readonly helpers: HelperRunner;
  readonly source: ConfigSource | undefined;
  /** What a reload changes beyond what is looked up in `reloads.config`. @throws when it cannot, having changed nothing */
  onReload(config: Config): void;
}

async function listen(config: Config, parts: Parts): Promise<Service> {
  const { clock, log, meter, store, clients, upstreams, traffic } = parts;
  traffic.restore(store.catalog);
  let lookups = toLookups(config);
  const reloads = startReloads({
    ...parts,
    config,
    apply(next) {
      parts.onReload(next);
      store.setBounds(next.cache);
      clients.reload(next);
      lookups = toLookups(next);
    },
    onAttempt() {
      parts.events.publish({ type: 'configuration-changed' });
      upkeep.reload();
    },
  });
  const open = createMirror({
    ...parts,
    ...store,
    get fillLimits() {
      return lookups.fillLimits;
    },
    get connectionsPerUpstream() {
      return reloads.config.fill.maxUpstreamConnections;
    },
    freshnessOf: (name) => lookups.freshness.get(name) ?? lookups.otherFreshness,
    accessTtlOf: (name) => lookups.accessTtls.get(name),
  });
  const mirror = createRuledMirror(open, { ...store, rulesOf: (name) => lookups.rules.get(name) });
  const upkeep = createUpkeep({ ...parts, mirror, config: () => reloads.config });
  let isReady = false;
  let mirrorAddresses: readonly ListenAddress[] = [];
  const operator = await createOperatorSide({
    ...parts,
    mirror,
    config: () => reloads.config,
    configuration: () => reloads.state,
    mirrorAddresses: () => mirrorAddresses,
    isReady: () => isReady,
    findJob: (id) => upkeep.findJob(id),
    routes: upkeep.routes,
  });
  const mirrorListener = createListener({
    clock,
    describe: describeUnread,
    clients: {
      // A proxy brings the connections of many.
      limitOf: (address) =>
        clients.gate.isProxy(address) ? Infinity : connectionLimit(reloads.config.limits, address),
      onRefused: (client) => parts.audit.refused({ reason: 'limit', client, rule: 'limits.connectionsPerClient' }),
    },
    tls: clients.tls,
    admitsPeer(address) {
      const isAdmitted = clients.gate.admitsPeer(address);
      if (!isAdmitted) parts.audit.refused({ reason: 'network', client: address ?? 'unknown', rule: 'clients.allow' });
      return isAdmitted;
    },
    handler: createMirrorApp({
      ...parts,
      mirror: upkeep.mirror,
      gate: clients.gate,
      get addresses() {
        return reloads.config;
      },
      get limits() {
        return reloads.config.limits;
      },
      get isCatalogEnabled() {
        return reloads.config.catalog;
      },
    }),
  });
  const adminListener = createListener({ clock, tls: clients.adminTls, handler: createAdminApp(operator.app) });
  meter.gauge('fills_running', 'Fills that run now', () => mirror.stats().fills);
  meter.gauge('fill_readers', 'Pulls that follow running fills', () => mirror.stats().readers);
  meter.gauge('fills_waiting', 'Pulls that wait until they may begin a fill', () => mirror.stats().waiting);
  meter.gauge('client_connections', 'Open connections of clients', () => mirrorListener.connections);

  const closeAll = async (drainMs: number): Promise<void> => {
    await Promise.all([upkeep.close(), mirrorListener.close({ drainMs })]);
    await mirror.close();
    operator.stream.close();
    await adminListener.close({ drainMs: 0 });
    await clients.close();
    parts.helpers.close();
    await upstreams.close();
    await traffic.close();
    parts.audit.close();
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
      reloads.close();
      const { drainDelayMs, drainMs } = reloads.config.limits;
      await new Promise<void>((resolve) => clock.startTimer(drainDelayMs, resolve));
      await closeAll(drainMs);
    };
    return {
      mirrorAddresses,
      adminAddresses,
      log,
      stats: () => mirror.stats(),
      reload: () => reloads.reload(),
      stop: () => (ending ??= stop()),
    };
  } catch (error) {
    reloads.close();
    await mirrorListener.close({ drainMs: 0 });
    await adminListener.close({ drainMs: 0 });
    throw error;
  }
}
