import { Agent, EnvHttpProxyAgent, type Dispatcher } from 'undici';
import type { SecureContext } from 'node:tls';
import { createConnector, createTlsContext } from './connector.ts';
import type { Egress } from './egress.ts';
import type { Lookup, ProxyOptions, UpstreamTlsOptions } from './options.ts';

/**
 * Separate connections for what must not wait for each other: stalled blobs starve no manifest, and no token.
 * `single`: a new connection for one request.
 */
export type Pool = 'metadata' | 'blob' | 'token' | 'single';

const connectionsPerOrigin: Readonly<Record<Pool, number | undefined>> = {
  metadata: 16,
  blob: 32,
  token: 4,
  single: undefined,
};

/**
 * How long a connection is kept without a request, where upstream says nothing else; undici closes after 4 s, and every
 * pull of a machine that starts would shake hands anew. One that upstream has closed meanwhile is asked again.
 */
const keepAliveMs = 30_000;

export interface AgentsOptions {
  /** Its name, for messages. */
  readonly upstream: string;
  readonly egress: Egress;
  readonly connectTimeoutMs: number;
  readonly lookup: Lookup | undefined;
  readonly tls: UpstreamTlsOptions | undefined;
  readonly proxy: ProxyOptions | undefined;
}

/** The connections of one upstream URL. */
export interface Agents {
  get(pool: Pool, isOwn: boolean): Dispatcher;
  /** Whether this error ended a connection that had already brought an answer: nobody's fault, ask again. */
  isLostReusedConnection(error: unknown): boolean;
  close(): Promise<void>;
}

/**
 * HTTP/1.1 throughout: one HTTP/2 connection defeats parallel segments, and metadata gains nothing by it.
 * undici's own time limits are off; the transport's run on the injected clock.
 * @throws Error that names the key, when certificates or keys are none
 */
export function createAgents(options: AgentsOptions): Agents {
  const agents = new Map<string, Dispatcher>();
  const lostReused = new WeakSet<object>();
  const { upstream, tls } = options;
  const contexts = { own: createTlsContext(upstream, tls, true), foreign: createTlsContext(upstream, tls, false) };
  return {
    get(pool, isOwn) {
      const key = `${pool} ${isOwn}`;
      let agent = agents.get(key);
      if (agent === undefined) {
        agent = createAgent(options, pool, isOwn ? contexts.own : contexts.foreign, lostReused);
        agents.set(key, agent);
      }
      return agent;
    },
    isLostReusedConnection: (error) =>
      typeof error === 'object' && error !== null && (lostReused.has(error) || isClosedAfterUse(error)),
    async close() {
      const open = [...agents.values()];
      // First: a request that comes meanwhile gets a connection of its own.
      agents.clear();
      await Promise.all(open.map((agent) => agent.destroy()));
    },
  };
}

function createAgent(
  { egress, connectTimeoutMs, lookup, proxy }: AgentsOptions,
  pool: Pool,
  secureContext: SecureContext | undefined,
  lostReused: WeakSet<object>,
): Dispatcher {
  const connections = connectionsPerOrigin[pool];
  const settings = {
    allowH2: false,
    headersTimeout: 0,
    bodyTimeout: 0,
    keepAliveTimeout: keepAliveMs,
    ...(connections === undefined ? {} : { connections }),
    connect: createConnector({
      egress,
      timeoutMs: connectTimeoutMs,
      lookup,
      secureContext,
      isForBodies: pool === 'blob',
      onSocketError(error, isReused) {
        if (isReused) lostReused.add(error);
      },
    }),
  };
  if (proxy === undefined) return new Agent(settings);
  return new EnvHttpProxyAgent({
    ...settings,
    connectTimeout: connectTimeoutMs,
    httpProxy: proxy.url,
    httpsProxy: proxy.url,
    noProxy: `${proxy.noProxy},localhost,127.0.0.1,::1`,
    ...(secureContext === undefined ? {} : { requestTls: { secureContext } }),
  });
}

/** undici's "other side closed" names the bytes that the socket had read before. */
function isClosedAfterUse(error: object): boolean {
  const { code, socket } = error as { code?: unknown; socket?: { bytesRead?: number } | null };
  return code === 'UND_ERR_SOCKET' && (socket?.bytesRead ?? 0) > 0;
}
