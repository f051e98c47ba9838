// One log line and one measurement for each request, whatever became of it.
import { formatReference } from '../oci/reference.ts';
import { isMirrorError } from '../oci/errors.ts';
import type { Clock } from '../telemetry/clock.ts';
import type { Log } from '../telemetry/log.ts';
import type { Meter } from '../telemetry/metrics.ts';
import type { ClientFacts, ClientGate } from './client-gate.ts';
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
  readonly gate: Pick<ClientGate, 'describe'>;
}

/** What there is to tell of a request. */
export type Reported = Pick<
  Exchange,
  'response' | 'target' | 'route' | 'startedMs' | 'outcome' | 'failure' | 'sentBytes'
>;

/** Told of each request when its response has closed. */
export type RequestReports = (exchange: Reported) => void;

/**
 * Lines and measurements are made when all that has happened in this turn of the loop is done: one after the other they
 * cost half of what they do in between answers.
 */
export function createRequestReports(options: RequestLogOptions): RequestReports {
  let waiting: Report[] = [];
  function write(): void {
    const reports = waiting;
    waiting = [];
    for (const report of reports) writeReport(report, options);
  }
  return (exchange) => {
    const isFirst = waiting.length === 0;
    waiting.push(createReport(exchange, options.clock.monotonicMs() - exchange.startedMs, options.gate));
    if (isFirst) setImmediate(write);
  };
}

interface Report {
  readonly exchange: Reported;
  readonly status: number;
  readonly isComplete: boolean;
  readonly durationMs: number;
  readonly facts: ClientFacts;
}

/** What will not be the same any more in a moment. */
function createReport(exchange: Reported, durationMs: number, gate: RequestLogOptions['gate']): Report {
  const { response } = exchange;
  return {
    exchange,
    status: response.headersSent ? response.statusCode : clientLeft,
    isComplete: response.writableFinished,
    durationMs,
    facts: gate.describe(response.req),
  };
}

function writeReport({ exchange, ...report }: Report, { log, meter }: RequestLogOptions): void {
  const { method, headers } = exchange.response.req;
  const { status, isComplete, durationMs, facts } = report;
  const endpoint = exchange.route?.endpoint ?? 'none';
  const fields = {
    method,
    endpoint,
    ...describeRoute(exchange),
    status,
    outcome: exchange.outcome,
    bytes: exchange.sentBytes,
    isComplete,
    durationMs: Math.round(durationMs * 10) / 10,
    ...facts,
    userAgent: headers['user-agent']?.slice(0, maxTextLength),
    ...describeFailure(exchange.failure),
  };
  // A flood must not fill the disk: the audit tells of these, and counts them.
  if (isMirrorError(exchange.failure, 'client-throttled')) log.debug(fields, 'request');
  else if (status >= 500) log.warn(fields, 'request');
  else log.info(fields, 'request');
  meter.request({
    endpoint,
    method: method === 'GET' || method === 'HEAD' ? method : 'other',
    status,
    outcome: exchange.outcome,
    seconds: durationMs / 1000,
    bytes: exchange.sentBytes,
    isComplete,
  });
}

/** What a request was about, in words for a log. */
export function describeRoute({ route, target }: Pick<Reported, 'route' | 'target'>): object {
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
