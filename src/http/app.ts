// The pull side of the distribution API, as clients see it: requests in, pulls to the mirror, answers out.
// May not know whether bytes come from the disk or from the network, nor where upstreams are.
import type { IncomingHttpHeaders, IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import express, { type NextFunction, type Request, type RequestHandler, type Response } from 'express';
import type { Mirror } from '../mirror/mirror-api.ts';
import type { ClientLogin } from '../mirror/pull.ts';
import { isMirrorError, MirrorError } from '../oci/errors.ts';
import type { Clock } from '../telemetry/clock.ts';
import { silentAudit, type Audit } from '../telemetry/audit.ts';
import type { Log } from '../telemetry/log.ts';
import type { Meter } from '../telemetry/metrics.ts';
import { openGate, type ClientGate } from './client-gate.ts';
import { followAddressBook, type AddressBook, type AddressIndex } from './address-book.ts';
import { answerBlob } from './blobs.ts';
import { peerOf, type ClientOf } from './client-address.ts';
import { RequestRates, type ClientLimits } from './client-limits.ts';
import { writeError } from './error-response.ts';
import { openExchange, type Exchange } from './exchange.ts';
import { guard } from './guard.ts';
import { commonHeaders, headerNames, setHeaders } from './headers.ts';
import { answerCatalog, answerReferrers, answerTags } from './listings.ts';
import { findClientLogin, wantsChallenge } from './client-login.ts';
import { answerManifest } from './manifests.ts';
import { createRecalledAnswers } from './recalled.ts';
import { auditFailure, findRefusal, type AuditTarget } from './refusals.ts';
import { createRequestReports, type RequestReports } from './request-log.ts';
import { parseRoute, type Route } from './route.ts';
import { TurnBudget } from './turn-budget.ts';

/** `addresses`, `limits` and `isCatalogEnabled` are looked at for each request: they may change. */
export interface MirrorAppOptions {
  readonly mirror: Mirror;
  readonly addresses: AddressBook;
  readonly clock: Clock;
  readonly log: Log;
  readonly meter: Meter;
  readonly limits: MirrorAppLimits;
  /** Whether `/v2/_catalog` answers. */
  readonly isCatalogEnabled: boolean;
  /** Told of requests that are refused; default: nobody is. */
  readonly audit?: Audit;
  /** This mirror's name in `Via`; a request that carries it has gone round in a circle. */
  readonly instanceId: string;
  /** Who is let in; default: everybody. */
  readonly gate?: ClientGate | undefined;
}

export interface MirrorAppLimits extends ClientLimits {
  /** A client that takes nothing for this long is dropped; default 120 s. */
  readonly writeIdleMs?: number;
  /** How long headers may wait for the first bytes of the body; default 1 s. */
  readonly headerDelayMs?: number;
}

const defaultWriteIdleMs = 120_000;
/** Longer chains of mirrors than anybody builds on purpose. */
const maxHops = 16;

/** What express carries from one step to the next. */
interface Locals extends Record<string, unknown> {
  exchange: Exchange;
}
type AppResponse = Response<unknown, Locals>;

/** The handler of the mirror listener. It owns nothing: the mirror is closed by whoever made it. */
export function createMirrorApp(options: MirrorAppOptions): RequestListener {
  const findAddresses = followAddressBook(() => options.addresses);
  const { gate = openGate } = options;
  const report = createRequestReports({ ...options, gate });
  const turns = new TurnBudget();
  const rates = new RequestRates(options.clock);
  const { audit = silentAudit } = options;
  const clientOf: ClientOf = (request) => gate.describe(request).client ?? peerOf(request);
  const app = express();
  app.disable('x-powered-by');
  // Express would add weak ETags and answer conditions by them.
  app.disable('etag');
  app.set('query parser', false);
  app.use((request: Request, response: AppResponse, next: NextFunction) => {
    begin(request, response, { ...options, report, turns });
    next();
  });
  app.use((request: Request, _response: AppResponse, next: NextFunction) => {
    refuseLoop(request, options.instanceId);
    next();
  });
  app.use(async (_request: Request, response: AppResponse) => {
    await answer(response.locals.exchange, findAddresses(), options);
  });
  app.use((error: unknown, _request: Request, response: AppResponse, _next: NextFunction) => {
    fail(response.locals.exchange, error, { ...options, audit, clientOf });
  });
  const handle: RequestHandler = app;
  const viaExpress: RequestListener = (request, response) => {
    // Express has no answer of its own to give: should it not even begin (a target it cannot parse), this one is given.
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- express adds what is missing, first thing
    handle(request as Request, response as Response, (error?: unknown) => writeError(response, error ?? unparsable()));
  };
  const findWriteIdleMs = () => options.limits.writeIdleMs ?? defaultWriteIdleMs;
  const answers = createRecalledAnswers({ ...options, findAddresses, report, findWriteIdleMs }, viaExpress);
  const admitted =
    gate === openGate ? answers : guard({ gate, clock: options.clock, report, audit, clientOf }, answers);
  return (request, response) => {
    const client = clientOf(request);
    const refusal = findRefusal(request, { rates, limits: options.limits, client });
    if (refusal === undefined) admitted(request, response);
    else refuse(response, refusal, { clock: options.clock, report, audit, client });
  };
}

/** Before express begins: whoever asks too much must not cost much. */
function refuse(
  response: ServerResponse,
  failure: MirrorError,
  options: AuditTarget & { readonly clock: Clock; readonly report: RequestReports },
): void {
  const startedMs = options.clock.monotonicMs();
  const target = response.req.url ?? '';
  const reported = { response, target, route: undefined, startedMs, outcome: undefined, failure, sentBytes: 0 };
  auditFailure(reported, failure, options);
  response.once('close', () => options.report(reported));
  if (failure.kind !== 'client-throttled' || !isPlainRead(response.req)) closeAfter(response);
  writeError(response, failure);
}

function begin(
  request: Request,
  response: AppResponse,
  options: MirrorAppOptions & { readonly report: RequestReports; readonly turns: TurnBudget },
): void {
  // Neither a byte more nor a byte less than Content-Length says may go out under a digest.
  response.strictContentLength = true;
  setHeaders(response, commonHeaders);
  const { writeIdleMs = defaultWriteIdleMs, headerDelayMs = 1_000 } = options.limits;
  const { clock, turns } = options;
  const exchange = openExchange(response, request.originalUrl, { clock, turns, writeIdleMs, headerDelayMs });
  response.locals.exchange = exchange;
  response.once('close', () => options.report(exchange));
  // A body is never read, so the connection cannot be used again; nor does it ever become another protocol.
  if (!isPlainRead(request)) closeAfter(response);
}

function isPlainRead({ method, headers }: IncomingMessage): boolean {
  const hasBody = (headers['content-length'] ?? '0') !== '0' || headers['transfer-encoding'] !== undefined;
  return (method === 'GET' || method === 'HEAD') && !hasBody && headers.upgrade === undefined;
}

function closeAfter(response: ServerResponse): void {
  response.setHeader(headerNames.connection, 'close');
}

function unparsable(): MirrorError {
  return new MirrorError({ kind: 'name-invalid', message: 'the request target is not a path' });
}

/** The mirrors of our kind that a request has come through; other names in `Via` are nobody's business upstream. */
function hopsOf({ headers }: IncomingMessage): readonly string[] {
  const names = (headers.via ?? '').split(',').map((hop) => hop.trim().split(/\s+/)[1] ?? '');
  return names.filter((name) => /^stowage-[\w.-]{1,64}$/.test(name)).slice(-maxHops);
}

/** @throws MirrorError `loop` when this mirror is among those that the request has come through. */
function refuseLoop(request: Request, instanceId: string): void {
  if (!hopsOf(request).includes(`stowage-${instanceId}`)) return;
  throw new MirrorError({
    kind: 'loop',
    message: 'the request has been through this mirror already: upstreams form a circle',
  });
}

async function answer(exchange: Exchange, addresses: AddressIndex, options: MirrorAppOptions): Promise<void> {
  const { response, target } = exchange;
  const { method = '', headers } = response.req;
  const route = parseRoute({ method, target, host: headers.host }, addresses);
  exchange.route = route;
  if (route.namespace !== undefined) response.setHeader(headerNames.namespace, route.namespace);
  if (route.endpoint === 'base' && addresses.isPassthrough(route.upstream)) requireLogin(headers);
  const isPassthrough = 'pull' in route && addresses.isPassthrough(route.pull.upstream);
  await answerRoute(exchange, route, { ...options, login: isPassthrough ? findClientLogin(headers) : undefined });
}

/** Some clients log in only where this answer asks for it; none is checked before it is known for what. */
function requireLogin(headers: IncomingHttpHeaders): void {
  if (!wantsChallenge(headers)) return;
  throw new MirrorError({ kind: 'login-required', message: 'this registry may ask for a login' });
}

async function answerRoute(
  exchange: Exchange,
  route: Route,
  options: MirrorAppOptions & { readonly login: ClientLogin | undefined },
): Promise<void> {
  const { mirror, login } = options;
  const hops = hopsOf(exchange.response.req);
  const arrival = { ...(hops.length === 0 ? {} : { hops }), ...(login === undefined ? {} : { login }) };
  switch (route.endpoint) {
    case 'base':
      return answerBase(exchange);
    case 'manifest':
      return answerManifest(exchange, { ...route.pull, ...arrival }, mirror);
    case 'blob':
      return answerBlob(exchange, { ...route.pull, ...arrival }, mirror);
    case 'tags':
      return answerTags(exchange, { ...route.pull, ...arrival }, { mirror, requestedName: route.requestedName });
    case 'referrers':
      return answerReferrers(exchange, { ...route.pull, ...arrival }, mirror);
    case 'catalog':
      if (options.isCatalogEnabled) return answerCatalog(exchange, route, mirror);
      throw new MirrorError({ kind: 'endpoint-unknown', message: 'this mirror has no catalogue' });
    default:
      return route satisfies never;
  }
}

/** Asks nobody: clients take a mirror without this answer for dead. */
async function answerBase(exchange: Exchange): Promise<void> {
  exchange.response.setHeader(headerNames.contentType, 'application/json');
  exchange.response.setHeader(headerNames.cacheControl, 'no-cache');
  await exchange.sendBytes(Buffer.from('{}'));
}

type FailureOptions = Required<Pick<MirrorAppOptions, 'log' | 'audit'>> & { readonly clientOf: ClientOf };

function fail(exchange: Exchange, error: unknown, { log, audit, clientOf }: FailureOptions): void {
  const { response } = exchange;
  // A client that has left is no error, and what its leaving breaks is none either.
  if (exchange.signal.aborted) return;
  exchange.failure = error;
  if (!isMirrorError(error)) log.error({ err: error, endpoint: exchange.route?.endpoint }, 'a request met a bug');
  auditFailure(exchange, error, { audit, client: clientOf(response.req) });
  writeError(response, error);
}
