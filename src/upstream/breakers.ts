import { MirrorError } from '../oci/errors.ts';
import type { Log } from '../telemetry/log.ts';
import { Breaker, type BreakerState, type ProbeResult } from './breaker.ts';
import { discardBody } from './response-body.ts';
import { findRetryAfterMs } from './retry-after.ts';
import { DeadlineError, nameFailure } from './transport-error.ts';
import type { Transport, TransportRequest, TransportResponse } from './transport.ts';

/** A hostile upstream may name token services without end. */
const maxBreakers = 8;

export interface BreakersOptions {
  readonly transport: Transport;
  /** The registry's, with a slash at its end. */
  readonly baseUrl: URL;
  /** Configured headers, for the registry's own origin. */
  readonly headers: Readonly<Record<string, string>>;
  readonly log: Log;
  readonly onChange: () => void;
}

/** The breakers of one URL: the registry's host, and those of its token services. */
export interface Breakers {
  /** As `Transport.send`; fails at once while the breaker of the host is open. */
  send(request: TransportRequest): Promise<TransportResponse>;
  status(): readonly { readonly host: string; readonly state: BreakerState }[];
  /** Ends probes that are under way. */
  close(): void;
}

export function createBreakers({ transport, baseUrl, headers, log, onChange }: BreakersOptions): Breakers {
  const { name: upstream } = transport;
  const byHost = new Map<string, Breaker>();
  const find = (url: URL): Breaker => {
    const known = byHost.get(url.host);
    if (known !== undefined) return known;
    const { host } = url;
    const isRegistry = host === baseUrl.host;
    const target = isRegistry ? new URL('v2/', baseUrl) : new URL(url.pathname, url);
    const created = new Breaker({
      clock: transport.clock,
      probe: (signal) => probe(transport, { target, headers: isRegistry ? headers : {}, isRegistry, signal }),
      onChange(state) {
        if (state === 'open') log.warn({ upstream, host }, 'the upstream does not answer; it is only probed for now');
        if (state === 'closed') log.info({ upstream, host }, 'the upstream answers again');
        onChange();
      },
    });
    const oldest = [...byHost.keys()].find((key) => key !== baseUrl.host);
    if (byHost.size >= maxBreakers && oldest !== undefined) {
      byHost.get(oldest)?.close();
      byHost.delete(oldest);
    }
    byHost.set(host, created);
    return created;
  };
  return {
    async send(request: TransportRequest): Promise<TransportResponse> {
      const breaker = find(request.url);
      const waitMs = breaker.findWaitMs();
      if (waitMs !== undefined) {
        const message = `${upstream} has not answered lately`;
        throw new MirrorError({ kind: 'upstream-failed', message, retryAfterMs: waitMs });
      }
      const attempt = breaker.start();
      try {
        const response = await transport.send(request);
        if (isIll(response, transport)) attempt.failed({ isSilence: false, isAnswer: true });
        else attempt.succeeded();
        return response;
      } catch (error) {
        // What has no cause was our own refusal; who left, may not be dialled or got no socket is not upstream's fault.
        const cause = error instanceof MirrorError ? error.cause : error;
        const failure = cause === undefined ? 'refused' : nameFailure(cause);
        if (failure === 'timeout' || failure === 'failed') {
          // A blob may have waited for one of our own connections, all of them busy.
          const isSilence = cause instanceof DeadlineError && request.kind !== 'blob';
          attempt.failed({ isSilence, isAnswer: false });
        }
        throw error;
      }
    },
    status: () => [...byHost].map(([host, { state }]) => ({ host, state })),
    close() {
      for (const breaker of byHost.values()) breaker.close();
    },
  };
}

/** A server's failure. 501 is about the method, 508 about the way here; 503 with Retry-After is a pause. */
function isIll({ status, headers }: TransportResponse, { clock }: Transport): boolean {
  if (status < 500 || status === 501 || status === 508) return false;
  const retryAfter = headers['retry-after'] ?? headers['x-retry-after'];
  return status !== 503 || findRetryAfterMs(retryAfter, clock.wallMs()) === undefined;
}

/** A registry's `/v2/`, where a 401 is an answer like any other; of a token service any answer will do. */
async function probe(
  transport: Transport,
  {
    isRegistry,
    target,
    ...request
  }: Pick<TransportRequest, 'headers' | 'signal'> & { target: URL; isRegistry: boolean },
): Promise<ProbeResult> {
  const response = await transport.send({ ...request, url: target, method: 'GET', kind: 'probe' });
  discardBody(response, transport);
  return isRegistry && response.status >= 500 ? 'ill' : 'well';
}
