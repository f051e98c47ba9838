// GET and HEAD of manifests. Range and Accept are not looked at: what the mirror has is what there is.
import type { IncomingMessage } from 'node:http';
import type { Mirror } from '../mirror/mirror-api.ts';
import type { ManifestPull, ServedManifest } from '../mirror/pull.ts';
import { matchesIfNoneMatch } from './conditional.ts';
import type { Exchange } from './exchange.ts';
import {
  age,
  cacheControl,
  cacheStatus,
  entityTag,
  headerNames,
  setHeaders,
  warning,
  type HeaderList,
} from './headers.ts';

/** Answers a pull of a manifest, byte for byte as upstream had it. */
export async function answerManifest(exchange: Exchange, pull: ManifestPull, mirror: Mirror): Promise<void> {
  const { response } = exchange;
  const served = exchange.isHead
    ? await mirror.headManifest(pull, exchange.signal)
    : await mirror.getManifest(pull, exchange.signal);
  exchange.outcome = served.outcome;
  setHeaders(response, listValidators(pull, served, response.req));
  if (matchesIfNoneMatch(response.req.headers['if-none-match'], entityTag(served.digest))) {
    response.statusCode = 304;
    exchange.sendHeaders();
    return;
  }
  setHeaders(response, listContentHeaders(served));
  if (exchange.isHead) {
    exchange.sendHeaders();
    return;
  }
  if (served.bytes === undefined) throw new Error('the mirror gave a manifest without its bytes');
  await exchange.sendBytes(served.bytes);
}

/** What an answer to this request that has the manifest says of it. */
export function listManifestHeaders(pull: ManifestPull, served: ServedManifest, request: IncomingMessage): HeaderList {
  return listValidators(pull, served, request).concat(listContentHeaders(served));
}

function listValidators(pull: ManifestPull, served: ServedManifest, request: IncomingMessage): string[] {
  const isByDigest = pull.reference.type === 'digest';
  const headers = [
    headerNames.contentDigest,
    served.digest,
    headerNames.etag,
    entityTag(served.digest),
    headerNames.cacheControl,
    cacheControl({ isByDigest, provenance: served.provenance }, request),
    headerNames.cacheStatus,
    cacheStatus(served.outcome),
  ];
  if (served.ageMs !== undefined) headers.push(headerNames.age, age(served.ageMs));
  if (served.warning !== undefined) headers.push(headerNames.warning, warning(served.warning));
  return headers;
}

function listContentHeaders({ mediaType, sizeBytes }: ServedManifest): string[] {
  return [headerNames.contentType, mediaType, headerNames.contentLength, String(sizeBytes)];
}
