import type { Mirror } from '../mirror/mirror-api.ts';
import type { Catalog } from '../store/catalog.ts';
import type { Space } from '../store/space.ts';
import type { Clock } from '../telemetry/clock.ts';
import type { Health } from '../telemetry/health.ts';
import type { Traffic } from '../telemetry/traffic.ts';
import { stepMs } from '../telemetry/traffic-history.ts';
import { sendJson, type ApiRoutes } from './api-router.ts';
import type { CacheUse, ConfigurationState, FillState, History, Status, Traffic as TrafficState } from './api-types.ts';
import { toFillState } from './fill-state.ts';
import { toUpstreamState, type UpstreamFacts } from './upstream-state.ts';

/** Where `/status`, `/history` and `/fills` have their answers from. */
export interface StatusFacts {
  readonly version: string;
  readonly instance: string;
  readonly clock: Clock;
  readonly health: Pick<Health, 'degraded'>;
  readonly mirror: Pick<Mirror, 'stats' | 'listFills'>;
  readonly space: Pick<Space, 'usage'>;
  readonly catalog: Pick<Catalog, 'totals' | 'totalsByKind'>;
  readonly traffic: Pick<Traffic, 'totals' | 'history'>;
  isReady(): boolean;
  /** Where clients pull. */
  publicUrl(): string;
  upstreams(): readonly UpstreamFacts[];
  configuration(): ConfigurationState;
}

/** `GET /status`, `/history` and `/fills`. The time since which it is up is that of this call. */
export function createStatusRoutes(facts: StatusFacts): ApiRoutes {
  const { clock } = facts;
  const startedAt = new Date(clock.wallMs()).toISOString();
  const startedMs = clock.monotonicMs();
  const getStatus = (): Status => ({
    version: facts.version,
    instance: facts.instance,
    startedAt,
    uptimeSeconds: Math.floor((clock.monotonicMs() - startedMs) / 1000),
    isReady: facts.isReady(),
    degraded: facts.health.degraded.map(({ reason }) => reason),
    publicUrl: facts.publicUrl(),
    cache: getCacheUse(facts),
    traffic: getTraffic(facts),
    fills: getFillCounts(facts),
    upstreams: facts.upstreams().map((upstream) => toUpstreamState(upstream, clock.wallMs())),
    configuration: facts.configuration(),
  });
  const getHistory = (): History => ({
    stepSeconds: stepMs / 1000,
    points: facts.traffic.history().map(({ startMs, ...counts }) => ({
      at: new Date(startMs).toISOString(),
      ...counts,
    })),
  });
  const listFills = (): readonly FillState[] => facts.mirror.listFills().map(toFillState);
  return (router) => {
    router.get('/status', (_request, response) => sendJson(response, 200, getStatus()));
    router.get('/history', (_request, response) => sendJson(response, 200, getHistory()));
    router.get('/fills', (_request, response) => sendJson(response, 200, listFills()));
  };
}

function getFillCounts({ mirror }: StatusFacts): Status['fills'] {
  const { fills, readers } = mirror.stats();
  return { running: fills, readers };
}

function getCacheUse({ space, catalog }: StatusFacts): CacheUse {
  const usage = space.usage();
  const { contentBytes, leftoverBytes, lingeringBytes, reservedBytes, maxBytes, spareBytes } = usage;
  return {
    usedBytes: contentBytes + leftoverBytes + lingeringBytes + reservedBytes,
    maxBytes: maxBytes === 0 ? null : maxBytes,
    contentBytes,
    objects: catalog.totals().objects,
    pinnedBytes: catalog.totalsByKind().pinned.bytes,
    spareBytes: Number.isFinite(spareBytes) ? spareBytes : null,
  };
}

function getTraffic({ traffic }: StatusFacts): TrafficState {
  const { sinceMs, requests, hits, servedBytes, fetchedBytes } = traffic.totals();
  const savedBytes = Math.max(0, servedBytes - fetchedBytes);
  return {
    since: new Date(sinceMs).toISOString(),
    requests,
    hits,
    hitRatio: requests === 0 ? null : hits / requests,
    servedBytes,
    fetchedBytes,
    savedBytes,
    byteHitRatio: servedBytes === 0 ? null : savedBytes / servedBytes,
  };
}
