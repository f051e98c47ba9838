import type { IncomingHttpHeaders } from 'node:http';
import { isIP } from 'node:net';
import type { Readable } from 'node:stream';
import type { Dispatcher } from 'undici';
import type { Clock } from '../telemetry/clock.ts';
import { createAgents, type Pool } from './agents.ts';
import { createCertificateAlarm } from './certificate-alarm.ts';
import { createEgress, EgressError, normaliseHost, portOf } from './egress.ts';
import { MirrorError } from '../oci/errors.ts';
import type { UpstreamContext, UpstreamOptions } from './options.ts';
import { DeadlineError, nameFailure, toMirrorError } from './transport-error.ts';

export interface TransportRequest {
  readonly url: URL;
  readonly method: 'GET' | 'HEAD' | 'POST';
  /** Of a POST: a form. */
  readonly form?: URLSearchParams | undefined;
  readonly kind: 'manifest' | 'blob' | 'token' | 'list' | 'probe';
  readonly headers: Readonly<Record<string, string>>;
  /** The mirrors that the pull has come through before this one, for `Via`. */
  readonly hops?: readonly string[] | undefined;
  /** Ends the request, and the body while it is read. */
  readonly signal?: AbortSignal | undefined;
}

/** The head of an answer and its body, which must be read to the end, discarded or destroyed. */
export interface TransportResponse {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly url: URL;
  readonly body: Dispatcher.ResponseData['body'] & Readable;
}

/** One request, one answer, over the connections of one upstream URL. Follows nothing, knows no login. */
export interface Transport {
  readonly name: string;
  readonly clock: Clock;
  readonly bodyTimeoutMs: number;
  /** @throws MirrorError `upstream-failed`, `upstream-timeout`, `overloaded` when this machine has no socket to give */
  send(request: TransportRequest): Promise<TransportResponse>;
  receivedBytes(count: number): void;
  /** From now on connections are closed as soon as nothing is under way. */
  retire(): void;
  /** Cuts what is under way. */
  close(): Promise<void>;
}

const pools: Readonly<Record<TransportRequest['kind'], Pool>> = {
  manifest: 'metadata',
  list: 'metadata',
  blob: 'blob',
  token: 'token',
  // The others may all be waiting.
  probe: 'single',
};

export function createTransport(upstream: UpstreamOptions, baseUrl: URL, context: UpstreamContext): Transport {
  const { clock, meter, timeouts } = context;
  const egress = createEgress(baseUrl, upstream.egressAllow);
  const agents = createAgents({
    upstream: upstream.name,
    egress,
    connectTimeoutMs: timeouts.connectMs,
    lookup: context.lookup,
    tls: upstream.tls,
    proxy: upstream.proxy,
  });
  const alarm = createCertificateAlarm(upstream.name, context);
  const ownHeaders = {
    'accept-encoding': 'identity',
    'user-agent': `stowage/${context.version}`,
  };
  const viaOf = (hops: readonly string[]) => [...hops, `stowage-${context.instanceId}`].map((hop) => `1.1 ${hop}`);

  let underWay = 0;
  let isRetired = false;
  const closeIdle = (): void => {
    if (isRetired && underWay === 0) void agents.close();
  };
  const end = (): void => {
    underWay -= 1;
    closeIdle();
  };

  async function dispatch(request: TransportRequest, pool: Pool): Promise<TransportResponse> {
    const { url: target, method, signal } = request;
    const deadline = new AbortController();
    const timer = clock.startTimer(timeouts.headersMs, () => deadline.abort(new DeadlineError()));
    try {
      const answer = await agents.get(pool, egress.isOwn(target.hostname, portOf(target))).request({
        origin: target.origin,
        path: target.pathname + target.search,
        method,
        headers: { ...request.headers, ...ownHeaders, via: viaOf(request.hops ?? []).join(', '), ...typeOf(request) },
        body: request.form?.toString() ?? null,
        signal: signal === undefined ? deadline.signal : AbortSignal.any([deadline.signal, signal]),
        // Without a word here, undici ends the connection after each HEAD, since some servers send a body all the same.
        // A manifest's cannot be taken for the next answer (it begins with a brace); a blob's could be anything.
        reset: pool === 'single' || (method === 'HEAD' && request.kind === 'blob'),
      });
      underWay += 1;
      answer.body.once('close', end);
      // A body that is destroyed, or breaks while nobody reads it, must not end the process.
      answer.body.on('error', () => {});
      return { status: answer.statusCode, headers: answer.headers, url: target, body: answer.body };
    } finally {
      timer.stop();
    }
  }

  async function attempt(request: TransportRequest): Promise<TransportResponse> {
    try {
      return await dispatch(request, pools[request.kind]);
    } catch (error) {
      // The other side closed an idle connection just as we used it. Once more, on a connection of its own:
      // the pool may hold more that are dead.
      if (request.signal?.aborted === true || !agents.isLostReusedConnection(error)) throw error;
      return await dispatch(request, 'single');
    }
  }

  return {
    name: upstream.name,
    clock,
    bodyTimeoutMs: timeouts.bodyMs,
    async send(request) {
      const startMs = clock.monotonicMs();
      let result = 'failed';
      underWay += 1;
      try {
        checkUrl(request.url, (host, port) => egress.allows(host, port, host), upstream.name);
        const response = await attempt(request);
        result = String(response.status);
        return response;
      } catch (error) {
        result = nameFailure(error);
        alarm(error, request.url.host);
        throw toMirrorError(error, upstream.name);
      } finally {
        const seconds = (clock.monotonicMs() - startMs) / 1000;
        meter.upstreamRequest({ upstream: upstream.name, kind: request.kind, result, seconds });
        end();
      }
    },
    receivedBytes: (count) => meter.upstreamBytes(upstream.name, count),
    retire() {
      isRetired = true;
      closeIdle();
    },
    close: () => agents.close(),
  };
}

function typeOf({ form }: TransportRequest): Readonly<Record<string, string>> {
  return form === undefined ? {} : { 'content-type': 'application/x-www-form-urlencoded' };
}

/** Literals are judged here already: through a proxy no socket of ours would be there to judge. */
function checkUrl(url: URL, allowsLiteral: (host: string, port: string) => boolean, upstream: string): void {
  if ((url.protocol !== 'https:' && url.protocol !== 'http:') || url.username !== '' || url.password !== '') {
    throw new MirrorError({
      kind: 'upstream-failed',
      message: `${upstream} led to an address that is no plain http or https URL`,
      isFinal: true,
    });
  }
  const host = normaliseHost(url.hostname);
  if (isIP(host) !== 0 && !allowsLiteral(host, portOf(url))) throw new EgressError();
}
