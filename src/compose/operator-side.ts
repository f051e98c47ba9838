// What the admin listener knows, put together from the parts. Decides nothing.
import { fileURLToPath } from 'node:url';
import type { ApiRoutes } from '../admin/api-router.ts';
import type { ClientSetup, ConfigurationState, Job } from '../admin/api-types.ts';
import type { AdminAppOptions } from '../admin/app.ts';
import { createEventStream, type EventStream } from '../admin/event-stream.ts';
import { createEventsRoutes } from '../admin/events-routes.ts';
import { createOpenApiRoutes } from '../admin/openapi-routes.ts';
import { createSetupRoutes } from '../admin/setup-routes.ts';
import { createStatusRoutes } from '../admin/status-routes.ts';
import { createTokenFile, ensureTokenFile, type AdminToken } from '../admin/token-file.ts';
import type { UpstreamFacts } from '../admin/upstream-state.ts';
import { clients } from '../cli/clients/clients.ts';
import { toMirrorTarget } from '../cli/clients/mirror-target.ts';
import { createTokenGuesses } from '../clients/token-guesses.ts';
import type { Config } from '../config/config.ts';
import { resolvePublicUrl } from '../config/public-url.ts';
import type { Mirror } from '../mirror/mirror-api.ts';
import type { Store } from '../store/open-store.ts';
import type { Audit } from '../telemetry/audit.ts';
import type { Clock } from '../telemetry/clock.ts';
import type { Metrics } from '../telemetry/create-metrics.ts';
import type { Events } from '../telemetry/events.ts';
import type { Health } from '../telemetry/health.ts';
import type { Log } from '../telemetry/log.ts';
import type { Traffic } from '../telemetry/traffic.ts';
import type { Upstreams } from '../upstream/upstreams.ts';

export interface OperatorSideParts {
  /** The one that holds now. */
  readonly config: () => Config;
  readonly configuration: () => ConfigurationState;
  /** As it is bound; empty before that. */
  readonly mirrorAddresses: () => readonly { readonly host: string; readonly port: number }[];
  readonly isReady: () => boolean;
  readonly findJob: (id: string) => Job | undefined;
  /** Of the matters that others put in. */
  readonly routes: readonly ApiRoutes[];
  readonly version: string;
  readonly instanceId: string;
  readonly mirror: Mirror;
  readonly store: Pick<Store, 'space' | 'catalog'>;
  readonly upstreams: Upstreams;
  readonly traffic: Traffic;
  readonly clock: Clock;
  readonly log: Log;
  readonly meter: Metrics;
  readonly health: Health;
  readonly events: Events;
  readonly audit: Audit;
}

export interface OperatorSide {
  readonly app: AdminAppOptions;
  /** Close it before the listener. */
  readonly stream: EventStream;
}

/** @throws TokenFileError when the token is to be made and cannot be */
export async function createOperatorSide(parts: OperatorSideParts): Promise<OperatorSide> {
  const { config, clock, mirror, health, traffic } = parts;
  const upstreams = (): readonly UpstreamFacts[] => describeUpstreams(config(), parts.upstreams);
  const publicUrl = (): string => resolvePublicUrl(config(), findBound(parts));
  const stream = createEventStream({ ...parts, upstreams });
  return {
    stream,
    app: {
      metrics: parts.meter,
      health,
      isReady: parts.isReady,
      get hosts() {
        return config().admin.hosts;
      },
      token: await createToken(config().admin, parts),
      tokenGuard: { ...createTokenGuesses(clock), audit: parts.audit },
      get hasOpenMetrics() {
        return config().admin.hasOpenMetrics;
      },
      pageDirectory: fileURLToPath(new URL('../ui', import.meta.url)),
      api: [
        createStatusRoutes({
          ...parts.store,
          version: parts.version,
          instance: parts.instanceId,
          clock,
          health,
          mirror,
          traffic,
          isReady: parts.isReady,
          publicUrl,
          upstreams,
          configuration: parts.configuration,
        }),
        createEventsRoutes(stream),
        createSetupRoutes(() => describeClients({ ...config(), publicUrl: publicUrl() })),
        createOpenApiRoutes(parts.version),
        ...parts.routes,
      ],
    },
  };
}

function findBound({ mirrorAddresses, config }: OperatorSideParts): Config['listen'] {
  const bound = mirrorAddresses();
  return bound.length === 0 ? config().listen : bound;
}

async function createToken(
  { tokenFile: path, createsToken }: Config['admin'],
  parts: OperatorSideParts,
): Promise<AdminToken | undefined> {
  if (path === undefined) return undefined;
  if (createsToken && (await ensureTokenFile(path))) {
    parts.log.info({ file: path }, 'a token for the admin listener was made; it is in this file');
  }
  return createTokenFile({ ...parts, path });
}

function describeUpstreams({ upstreams: configured }: Config, upstreams: Upstreams): readonly UpstreamFacts[] {
  const status = new Map(upstreams.status().map(({ name, urls }) => [name, urls]));
  return configured.map(({ name, isDefault, aliases }) => ({
    name,
    isDefault,
    aliases,
    urls: status.get(name) ?? [],
  }));
}

function describeClients(config: Config): ClientSetup {
  const target = toMirrorTarget(config);
  return {
    publicUrl: target.url,
    clients: Object.entries(clients).map(([name, format]) => ({ name, ...format(target) })),
  };
}
