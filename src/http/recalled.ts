// Manifests and small blobs that are in memory, answered before express begins, which would take longer than the answer.
// Whatever is out of the ordinary about a request is left to express: this says no more than it would.
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { Mirror } from '../mirror/mirror-api.ts';
import type { Outcome } from '../mirror/pull.ts';
import type { Clock } from '../telemetry/clock.ts';
import type { AddressIndex } from './address-book.ts';
import { listBlobHeaders } from './blobs.ts';
import { findClientLogin } from './client-login.ts';
import { commonHeaders, headerNames, type HeaderList } from './headers.ts';
import { listManifestHeaders } from './manifests.ts';
import type { RequestReports } from './request-log.ts';
import { parseRoute, type Route } from './route.ts';

export interface RecalledOptions {
  readonly mirror: Pick<Mirror, 'recallManifest' | 'recallBlob'>;
  /** The same object until the addresses change. */
  readonly findAddresses: () => AddressIndex;
  readonly clock: Clock;
  readonly report: RequestReports;
  /** A client that takes nothing for this long is dropped. */
  readonly findWriteIdleMs: () => number;
}

type ManifestRoute = Extract<Route, { endpoint: 'manifest' }>;
type BlobRoute = Extract<Route, { endpoint: 'blob' }>;
type ContentRoute = ManifestRoute | BlobRoute;

/** Up to this size it is a third faster to send bytes as text, each a character, in one piece with the headers. */
const maxTextBytes = 32 * 1024;
/** Names of content come again and again: some 500 kB of them are not read anew. */
const maxRoutes = 1000;
const maxTargetLength = 256;
/** Headers that ask for something else than the whole, or come with something. */
const uncommonHeaders = [
  'if-none-match',
  'range',
  'via',
  'content-length',
  'transfer-encoding',
  'upgrade',
  'expect',
] as const;

/** Answers what it can; the rest goes to `otherwise`. */
export function createRecalledAnswers(options: RecalledOptions, otherwise: RequestListener): RequestListener {
  const routes = new Map<string, ContentRoute>();
  let addresses = options.findAddresses();

  function findRoute({ method = '', url: target = '', headers: { host } }: IncomingMessage): ContentRoute | undefined {
    if (target.length > maxTargetLength || (host?.length ?? 0) > maxTargetLength) return undefined;
    const latest = options.findAddresses();
    if (latest !== addresses) routes.clear();
    addresses = latest;
    const key = `${host} ${target}`;
    const known = routes.get(key);
    if (known !== undefined) return known;
    const route = tryParse(() => parseRoute({ method, target, host }, addresses));
    if (route?.endpoint !== 'manifest' && route?.endpoint !== 'blob') return undefined;
    if (routes.size >= maxRoutes) routes.clear();
    routes.set(key, route);
    return route;
  }

  return (request, response) => {
    const route = isPlain(request, response) ? findRoute(request) : undefined;
    if (route === undefined || !answer(route, response, options)) otherwise(request, response);
  };
}

function tryParse(parse: () => Route): Route | undefined {
  try {
    return parse();
  } catch {
    // Express says what is wrong with it.
    return undefined;
  }
}

function isPlain({ method, headers }: IncomingMessage, { socket }: ServerResponse): boolean {
  if (method !== 'GET' && method !== 'HEAD') return false;
  for (const name of uncommonHeaders) if (headers[name] !== undefined) return false;
  // A client that has not taken the last answer, or that sends requests ahead, has to be waited for.
  return socket !== null && socket.writableLength === 0;
}

/** The route is kept and the login is not. */
function withLogin(
  route: ContentRoute,
  { headers }: IncomingMessage,
  { findAddresses }: Pick<RecalledOptions, 'findAddresses'>,
): ContentRoute {
  if (headers.authorization === undefined || !findAddresses().isPassthrough(route.pull.upstream)) return route;
  const login = findClientLogin(headers);
  if (login === undefined) return route;
  return route.endpoint === 'manifest'
    ? { ...route, pull: { ...route.pull, login } }
    : { ...route, pull: { ...route.pull, login } };
}

function answer(route: ContentRoute, response: ServerResponse, options: RecalledOptions): boolean {
  const startedMs = options.clock.monotonicMs();
  const served = recall(withLogin(route, response.req, options), response.req, options.mirror);
  if (served === undefined) return false;
  const isHead = response.req.method === 'HEAD';
  response.once('close', () => {
    const sentBytes = response.writableFinished && !isHead ? served.bytes.length : 0;
    const { url: target = '' } = response.req;
    const { outcome } = served;
    options.report({ response, target, route, startedMs, outcome, failure: undefined, sentBytes });
  });
  const own = route.namespace === undefined ? [] : [headerNames.namespace, route.namespace];
  response.writeHead(200, commonHeaders.concat(served.headers, own));
  if (isHead) response.end();
  else if (served.bytes.length <= maxTextBytes) response.end(asText(served.bytes), 'latin1');
  else response.end(served.bytes);
  if (response.socket?.writableLength !== 0) dropWhenIdle(response, options);
  return true;
}

/** One time limit will do: there is no more to send than one that moves would take in it. */
function dropWhenIdle(response: ServerResponse, { clock, findWriteIdleMs }: RecalledOptions): void {
  const timer = clock.startTimer(findWriteIdleMs(), () => response.destroy());
  response.once('close', () => timer.stop());
}

function asText({ buffer, byteOffset, byteLength }: Uint8Array): string {
  return Buffer.from(buffer, byteOffset, byteLength).toString('latin1');
}

interface Recalled {
  readonly bytes: Uint8Array;
  readonly outcome: Outcome;
  readonly headers: HeaderList;
}

type Recall<Wanted> = (
  route: Wanted,
  request: IncomingMessage,
  mirror: RecalledOptions['mirror'],
) => Recalled | undefined;

const recall: Recall<ContentRoute> = (route, request, mirror) => {
  try {
    return route.endpoint === 'manifest' ? recallManifest(route, request, mirror) : recallBlob(route, request, mirror);
  } catch {
    // Express says what is wrong with it.
    return undefined;
  }
};

const recallManifest: Recall<ManifestRoute> = ({ pull }, request, mirror) => {
  const served = mirror.recallManifest(pull);
  if (served?.bytes === undefined) return undefined;
  return { bytes: served.bytes, outcome: served.outcome, headers: listManifestHeaders(pull, served, request) };
};

const recallBlob: Recall<BlobRoute> = ({ pull }, request, mirror) => {
  const served = mirror.recallBlob(pull);
  if (served === undefined) return undefined;
  const { bytes, outcome } = served;
  const headers = listBlobHeaders(served, request).concat(headerNames.contentLength, String(bytes.length));
  return { bytes, outcome, headers };
};
