// One log line and one measurement for each request, whatever became of it.
import { formatReference } from '../oci/reference.ts';
import { isMirrorError } from '../oci/errors.ts';
import type { Clock } from '../telemetry/clock.ts';
import type { Log } from '../telemetry/log.ts';
import type { Meter } from '../telemetry/metrics.ts';
import type { Exchange } from './exchange.ts';
import type { Route } from './route.ts';

/** For a client that left before there was a status; what proxies use for it. Never sent. */
const clientLeft = 499;
/** Text of a client's choosing is cut to this. */
const maxTextLength = 256;

export interface RequestLogOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly meter: Meter;
}

/** What there is to tell of a request. */
export type Reported = Pick<
  Exchange,
  'response' | 'target' | 'route' | 'startedMs' | 'outcome' | 'failure' | 'sentBytes'
>;

/** Call when the response has closed. */
export function reportRequest(exchange: Reported, { clock, log, meter }: RequestLogOptions): void {
  const { response } = exchange;
  const { req } = response;
  const durationMs = clock.monotonicMs() - exchange.startedMs;
  const status = response.headersSent ? response.statusCode : clientLeft;
  const isComplete = response.writableFinished;
  const endpoint = exchange.route?.endpoint ?? 'none';
  const fields = {
    method: req.method,
    endpoint,
    ...describeRoute(exchange),
    status,
    outcome: exchange.outcome,
    bytes: exchange.sentBytes,
    isComplete,
    durationMs: Math.round(durationMs * 10) / 10,
    client: req.socket.remoteAddress,
    userAgent: req.headers['user-agent']?.slice(0, maxTextLength),
    ...describeFailure(exchange.failure),
  };
  if (status >= 500) log.warn(fields, 'request');
  else log.info(fields, 'request');
  meter.request({
    endpoint,
    method: req.method === 'GET' || req.method === 'HEAD' ? req.method : 'other',
    status,
    outcome: exchange.outcome,
    seconds: durationMs / 1000,
    bytes: exchange.sentBytes,
    isComplete,
  });
}

function describeRoute({ route, target }: Reported): object {
  // Not the query: whatever does not become a route may hold anything.
  if (route === undefined) return { path: target.split('?', 1)[0]?.slice(0, maxTextLength) };
  if (!('pull' in route)) return {};
  const { upstream, repository } = route.pull;
  return { upstream, repository, reference: referenceOf(route) };
}

function referenceOf(route: Route): string | undefined {
  if (route.endpoint === 'manifest') return formatReference(route.pull.reference);
  return route.endpoint === 'blob' || route.endpoint === 'referrers' ? route.pull.digest : undefined;
}

function describeFailure(failure: unknown): object {
  if (failure === undefined) return {};
  // A bug has its own line with the stack.
  return isMirrorError(failure)
    ? { error: failure.kind, reason: failure.message, cause: failure.cause }
    : { error: 'bug' };
}
