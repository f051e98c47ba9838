// GET and HEAD of blobs: whole, ranged, conditional.
import { randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Mirror } from '../mirror/mirror-api.ts';
import type { BlobPull, ServedBlob, ServedBlobHead } from '../mirror/pull.ts';
import { createMultipartBody } from './multipart-body.ts';
import { allowsRange, matchesIfNoneMatch } from './conditional.ts';
import type { Exchange } from './exchange.ts';
import { cacheControl, cacheStatus, entityTag, headerNames, setHeaders } from './headers.ts';
import { demandOf, parseRange, selectSpans, type ByteRange, type Selection } from './range.ts';

/** Answers a pull of a blob. HEAD, and a GET whose client has the blob, open nothing. */
export async function answerBlob(exchange: Exchange, pull: BlobPull, mirror: Mirror): Promise<void> {
  const { headers } = exchange.response.req;
  const etag = entityTag(pull.digest);
  const isKnown = matchesIfNoneMatch(headers['if-none-match'], etag);
  if (exchange.isHead || isKnown) {
    // Also for 304: whether this client may see the blob at all is the mirror's to say.
    const head = await mirror.headBlob(pull, exchange.signal);
    beginAnswer(exchange, head);
    if (isKnown) exchange.response.statusCode = 304;
    else setLength(exchange, head.sizeBytes);
    exchange.sendHeaders();
    return;
  }
  const isRanged = headers.range !== undefined && allowsRange(headers['if-range']?.toString(), etag);
  const ranges = isRanged ? parseRange(headers.range ?? '') : undefined;
  const served = await mirror.getBlob(pull, demandOf(ranges), exchange.signal);
  try {
    await sendBlob(exchange, served, ranges);
  } finally {
    served.close();
  }
}

async function sendBlob(
  exchange: Exchange,
  served: ServedBlob,
  ranges: readonly ByteRange[] | undefined,
): Promise<void> {
  const { response } = exchange;
  const { sizeBytes } = served;
  // Without a size no Content-Range can be written: the whole goes out, chunked.
  const selection: Selection = sizeBytes === undefined ? { type: 'whole' } : selectSpans(ranges, sizeBytes);
  beginAnswer(exchange, served);
  if (sizeBytes === undefined || selection.type === 'whole') {
    setLength(exchange, sizeBytes);
    await exchange.sendBody(served.openBody(), sizeBytes);
    return;
  }
  response.statusCode = 206;
  if (selection.type === 'single') {
    const { span } = selection;
    response.setHeader(headerNames.contentRange, `bytes ${span.start}-${span.end - 1}/${sizeBytes}`);
    setLength(exchange, span.end - span.start);
    await exchange.sendBody(served.openBody(span), span.end - span.start);
    return;
  }
  const body = createMultipartBody({
    spans: selection.spans,
    sizeBytes,
    boundary: randomBytes(16).toString('hex'),
    openPart: (span) => served.openBody(span),
  });
  response.setHeader(headerNames.contentType, body.contentType);
  setLength(exchange, body.sizeBytes);
  await exchange.sendBody(body.reader, body.sizeBytes);
}

/** What an answer to this request says of the blob, beside its length. */
export function listBlobHeaders(
  { digest, sizeBytes, outcome, provenance }: ServedBlob | ServedBlobHead,
  request: IncomingMessage,
): string[] {
  const headers = [
    headerNames.contentType,
    'application/octet-stream',
    headerNames.contentDigest,
    digest,
    headerNames.etag,
    entityTag(digest),
    headerNames.cacheControl,
    cacheControl({ isByDigest: true, provenance }, request),
    headerNames.cacheStatus,
    cacheStatus(outcome),
  ];
  // Not promised where it could not be kept: without a size every range gets the whole.
  if (sizeBytes !== undefined) headers.push(headerNames.acceptRanges, 'bytes');
  return headers;
}

function beginAnswer(exchange: Exchange, served: ServedBlob | ServedBlobHead): void {
  exchange.outcome = served.outcome;
  setHeaders(exchange.response, listBlobHeaders(served, exchange.response.req));
}

function setLength(exchange: Exchange, sizeBytes: number | undefined): void {
  if (sizeBytes !== undefined) exchange.response.setHeader(headerNames.contentLength, String(sizeBytes));
}
