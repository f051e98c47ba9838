// Manifests that are in memory, answered before express begins, which would take longer than the answer.
// Whatever is out of the ordinary about a request is left to express: this says no more than it would.
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { Mirror } from '../mirror/mirror-api.ts';
import type { ManifestPull } from '../mirror/pull.ts';
import type { AddressIndex } from './address-book.ts';
import { commonHeaders, headerNames } from './headers.ts';
import { listManifestHeaders } from './manifests.ts';
import { reportRequest, type RequestLogOptions } from './request-log.ts';
import { parseRoute, type Route } from './route.ts';

export interface RecalledOptions extends RequestLogOptions {
  readonly mirror: Pick<Mirror, 'recallManifest'>;
  readonly addresses: AddressIndex;
  /** A client that takes nothing for this long is dropped. */
  readonly writeIdleMs: number;
}

type ManifestRoute = Extract<Route, { endpoint: 'manifest' }>;

/** What the kernel takes at once of a client that reads; of more, slow clients would hold the memory. */
const maxBodyBytes = 64 * 1024;
/** Names of manifests come again and again: some 500 kB of them are not read anew. */
const maxRoutes = 1000;
const maxTargetLength = 256;
/** Headers that ask for something else than the whole manifest, or come with something. */
const uncommonHeaders = ['if-none-match', 'via', 'content-length', 'transfer-encoding', 'upgrade', 'expect'] as const;

/** Answers what it can; the rest goes to `otherwise`. */
export function createRecalledAnswers(options: RecalledOptions, otherwise: RequestListener): RequestListener {
  const routes = new Map<string, ManifestRoute>();

  function findRoute({ method = '', url: target = '', headers: { host } }: IncomingMessage): ManifestRoute | undefined {
    if (target.length > maxTargetLength || (host?.length ?? 0) > maxTargetLength || !target.includes('/manifests/')) {
      return undefined;
    }
    const key = `${host} ${target}`;
    const known = routes.get(key);
    if (known !== undefined) return known;
    const route = tryParse(() => parseRoute({ method, target, host }, options.addresses));
    if (route?.endpoint !== 'manifest') return undefined;
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

function answer(route: ManifestRoute, response: ServerResponse, options: RecalledOptions): boolean {
  const startedMs = options.clock.monotonicMs();
  const served = recall(route.pull, options.mirror);
  if (served?.bytes === undefined || served.sizeBytes > maxBodyBytes) return false;
  const headers = commonHeaders.concat(listManifestHeaders(route.pull, served));
  if (route.namespace !== undefined) headers.push(headerNames.namespace, route.namespace);
  response.once('close', () => {
    const sentBytes = response.writableFinished && response.req.method === 'GET' ? served.sizeBytes : 0;
    const { outcome } = served;
    const { url: target = '' } = response.req;
    reportRequest({ response, target, route, startedMs, outcome, failure: undefined, sentBytes }, options);
  });
  response.writeHead(200, headers);
  // One text with the headers, each byte a character of it: a third faster than headers and bytes by themselves.
  if (response.req.method === 'GET') response.end(asText(served.bytes), 'latin1');
  else response.end();
  if (response.socket?.writableLength !== 0) dropWhenIdle(response, options);
  return true;
}

/** One time limit will do: there is no more to send than one that moves would take in it. */
function dropWhenIdle(response: ServerResponse, { clock, writeIdleMs }: RecalledOptions): void {
  const timer = clock.startTimer(writeIdleMs, () => response.destroy());
  response.once('close', () => timer.stop());
}

function asText({ buffer, byteOffset, byteLength }: Uint8Array): string {
  return Buffer.from(buffer, byteOffset, byteLength).toString('latin1');
}

function recall(pull: ManifestPull, mirror: Pick<Mirror, 'recallManifest'>) {
  try {
    return mirror.recallManifest(pull);
  } catch {
    return undefined;
  }
}
