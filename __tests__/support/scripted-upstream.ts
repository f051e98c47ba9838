// A registry on loopback that does as it is told: right answers by default, faults by script, every request recorded.
import type { Cdn } from './cdn.ts';
import { createFaultScript, isMatch, type FaultScript, type Match } from './fault.ts';
import { startRawServer, type RawServer, type RecordedRequest } from './raw-server.ts';
import {
  createRegistryContent,
  errorBody,
  json,
  repositoryOfTarget,
  type RegistryContent,
} from './registry-content.ts';
import { sendAnswer, type PlainAnswer } from './send-answer.ts';
import type { TokenServer } from './token-server.ts';

export interface UpstreamOptions {
  readonly host?: string;
  /** Of each connection; 0 = no limit. */
  readonly bytesPerSecond?: number;
  /** Asks for a bearer token of this service on every request below /v2. */
  readonly tokens?: TokenServer;
  /** Sends blob requests there. */
  readonly cdn?: Cdn;
}

/** The registry, its script and its records. The owner must `close` it. */
export interface ScriptedUpstream
  extends
    Pick<RawServer, 'url' | 'host' | 'port' | 'requests' | 'connections' | 'until' | 'down' | 'up' | 'close'>,
    Pick<FaultScript, 'always' | 'once' | 'nth' | 'times'> {
  /** What it holds. */
  readonly registry: RegistryContent;
  bytesPerSecond: number;
  /** Where blob requests are sent; undefined: they are answered here. */
  cdn: Cdn | undefined;
  /** The requests that match, in order of arrival. */
  find(match: Match): readonly RecordedRequest[];
  /** Bytes of bodies sent to the matching requests. */
  bytesOf(match: Match): number;
  /** Resolves when so many requests match. */
  untilRequests(match: Match, count?: number): Promise<void>;
  /** Forgets requests and script; content stays. */
  reset(): void;
}

/** Blob downloads, ranged or not. */
export const blobGets: Match = { method: 'GET', path: '/blobs/' };

/** Starts it on a free port. */
export async function startScriptedUpstream(options: UpstreamOptions = {}): Promise<ScriptedUpstream> {
  const registry = createRegistryContent();
  const script = createFaultScript();
  const answer = async (request: RecordedRequest, connection: Parameters<typeof sendAnswer>[1]): Promise<void> => {
    const fault = script.take(request) ?? {};
    const heard = fault.ignoreRange === true ? { ...request, headers: { ...request.headers, range: '' } } : request;
    const plain = refuseWithoutToken(request, options.tokens) ?? redirect(request, registry, upstream.cdn);
    await sendAnswer(request, connection, plain ?? registry.answer(heard), fault, {
      bytesPerSecond: upstream.bytesPerSecond,
      onBytes: () => server.changed(),
    });
  };
  const server = await startRawServer(answer, options.host);
  const find = (match: Match): readonly RecordedRequest[] =>
    server.requests.filter((request) => isMatch(match, request));
  const upstream: ScriptedUpstream = {
    registry,
    bytesPerSecond: options.bytesPerSecond ?? 0,
    cdn: options.cdn,
    always: script.always,
    once: script.once,
    nth: script.nth,
    times: script.times,
    host: server.host,
    port: server.port,
    url: server.url,
    requests: server.requests,
    get connections() {
      return server.connections;
    },
    until: server.until,
    down: server.down,
    up: server.up,
    close: server.close,
    find,
    bytesOf: (match) => find(match).reduce((sum, request) => sum + request.bodyBytes, 0),
    untilRequests: (match, count = 1) => server.until(() => find(match).length >= count),
    reset() {
      script.clear();
      server.forgetRequests();
    },
  };
  return upstream;
}

function refuseWithoutToken(request: RecordedRequest, tokens: TokenServer | undefined): PlainAnswer | undefined {
  if (tokens === undefined) return undefined;
  const repository = repositoryOfTarget(request.target);
  const verdict = tokens.judge(request.headers['authorization'], repository);
  if (verdict === 'allowed') return undefined;
  const answer = json(401, errorBody('UNAUTHORIZED'));
  return { ...answer, headers: { ...answer.headers, 'www-authenticate': tokens.challengeFor(repository, verdict) } };
}

function redirect(request: RecordedRequest, registry: RegistryContent, cdn: Cdn | undefined): PlainAnswer | undefined {
  if (cdn === undefined) return undefined;
  const [path = ''] = request.target.split('?', 1);
  const [, repository = '', digest = ''] = /^\/v2\/(.+)\/blobs\/([^/]+)$/.exec(path) ?? [];
  const blob = registry.findBlob(repository, decodeURIComponent(digest));
  if (blob === undefined) return undefined;
  return { status: 307, headers: { location: cdn.sign(blob) } };
}
