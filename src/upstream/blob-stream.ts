import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { MirrorError } from '../oci/errors.ts';
import type { Provenance } from '../oci/provenance.ts';
import type { Span } from '../oci/span.ts';
import { findContentRange } from './content-range.ts';
import { gatherRuns } from './gather-runs.ts';
import { keepMemory } from './receive-memory.ts';
import { findEncoding, findLength, isGzip, unknownEncoding } from './response-body.ts';
import { toMirrorError } from './transport-error.ts';
import type { Transport, TransportResponse } from './transport.ts';
import type { BlobStream } from './upstream.ts';

/**
 * The body of a 200 or 206 as a stream, its offsets checked against what was asked. A whole 200 that comes in gzip
 * although we asked for none is decoded (a transport's doing, by far the commoner case); a part cannot be.
 * @throws MirrorError `upstream-failed`, `content-mismatch`; the body is then destroyed.
 */
export function createBlobStream(
  response: TransportResponse,
  span: Span | undefined,
  provenance: Provenance,
  transport: Transport,
): BlobStream {
  try {
    const encoding = findEncoding(response.headers['content-encoding']);
    if (encoding !== undefined && (response.status === 206 || !isGzip(encoding))) throw unknownEncoding(transport.name);
    const place = response.status === 206 ? findPlace(response, span, transport.name) : findWhole(response);
    const source = encoding === undefined ? response.body : pipeline(response.body, createGunzip(), () => {});
    return {
      ...place,
      provenance,
      body: read(source, response, transport),
      keep: keepMemory,
      destroy() {
        response.body.destroy();
        source.destroy();
      },
    };
  } catch (error) {
    response.body.destroy();
    throw error;
  }
}

type Place = Pick<BlobStream, 'start' | 'end' | 'sizeBytes'>;

function findWhole({ headers }: TransportResponse): Place {
  const sizeBytes = findLength(headers);
  return { start: 0, end: sizeBytes, sizeBytes };
}

/** A 206 continues something only if it says exactly where it begins (RFC 9110 section 14.4). */
function findPlace({ headers }: TransportResponse, asked: Span | undefined, name: string): Place {
  const range = findContentRange(headers['content-range']);
  const given = range?.span;
  if (range === undefined || given === undefined) throw wrongRange(name);
  const { sizeBytes } = range;
  const { start, end } = asked ?? { start: 0, end: Infinity };
  const length = findLength(headers);
  const isAsked = given.start === start && given.end <= end && (asked !== undefined || given.end === sizeBytes);
  if (!isAsked || (length !== undefined && length !== given.end - given.start)) throw wrongRange(name);
  return { start, end: given.end, sizeBytes };
}

function wrongRange(name: string): MirrorError {
  return new MirrorError({ kind: 'upstream-failed', message: `${name} sent another range than was asked for` });
}

async function* read(source: Readable, response: TransportResponse, transport: Transport): AsyncGenerator<Uint8Array> {
  try {
    for await (const run of gatherRuns(source)) {
      transport.receivedBytes(run.length);
      yield run;
    }
  } catch (error) {
    throw toMirrorError(error, transport.name);
  } finally {
    response.body.destroy();
    source.destroy();
  }
}
