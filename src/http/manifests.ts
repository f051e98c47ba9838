// GET and HEAD of manifests. Range and Accept are not looked at: what the mirror has is what there is.
import type { Mirror } from '../mirror/mirror-api.ts';
import type { ManifestPull, ServedManifest } from '../mirror/pull.ts';
import { matchesIfNoneMatch } from './conditional.ts';
import type { Exchange } from './exchange.ts';
import { age, cacheControl, cacheStatus, entityTag, headerNames, warning } from './headers.ts';

/** Answers a pull of a manifest, byte for byte as upstream had it. */
export async function answerManifest(exchange: Exchange, pull: ManifestPull, mirror: Mirror): Promise<void> {
  const { response } = exchange;
  const served = exchange.isHead
    ? await mirror.headManifest(pull, exchange.signal)
    : await mirror.getManifest(pull, exchange.signal);
  exchange.outcome = served.outcome;
  setHeaders(exchange, pull, served);
  if (matchesIfNoneMatch(response.req.headers['if-none-match'], entityTag(served.digest))) {
    response.statusCode = 304;
    exchange.sendHeaders();
    return;
  }
  response.setHeader(headerNames.contentType, served.mediaType);
  if (exchange.isHead) {
    response.setHeader(headerNames.contentLength, String(served.sizeBytes));
    exchange.sendHeaders();
    return;
  }
  if (served.bytes === undefined) throw new Error('the mirror gave a manifest without its bytes');
  await exchange.sendBytes(served.bytes);
}

function setHeaders({ response }: Exchange, pull: ManifestPull, served: ServedManifest): void {
  const isByDigest = pull.reference.type === 'digest';
  response.setHeader(headerNames.contentDigest, served.digest);
  response.setHeader(headerNames.etag, entityTag(served.digest));
  response.setHeader(headerNames.cacheControl, cacheControl({ isByDigest, provenance: served.provenance }));
  response.setHeader(headerNames.cacheStatus, cacheStatus(served.outcome));
  if (served.ageMs !== undefined) response.setHeader(headerNames.age, age(served.ageMs));
  if (served.warning !== undefined) response.setHeader(headerNames.warning, warning(served.warning));
}
