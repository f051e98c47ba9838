import type { IncomingHttpHeaders } from 'node:http';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { MirrorError } from '../oci/errors.ts';
import { toMirrorError, DeadlineError } from './transport-error.ts';
import type { Transport, TransportResponse } from './transport.ts';

/** A body that nobody wants is read up to here, to keep its connection; a longer one costs the connection. */
const maxDiscardBytes = 64 * 1024;
const maxDiscardMs = 2_000;

/**
 * The whole body, one layer of gzip taken off.
 * @throws MirrorError `content-mismatch` beyond `maxBytes` (before and after decoding) or for another encoding,
 * `upstream-failed`, `upstream-timeout` when it breaks or takes too long.
 */
export async function readBody(
  response: TransportResponse,
  maxBytes: number,
  transport: Transport,
): Promise<Uint8Array> {
  const { body, headers } = response;
  const timer = transport.clock.startTimer(transport.bodyTimeoutMs, () => body.destroy(new DeadlineError()));
  const chunks: Uint8Array[] = [];
  let sizeBytes = 0;
  try {
    for await (const chunk of body as AsyncIterable<Uint8Array>) {
      sizeBytes += chunk.length;
      if (sizeBytes > maxBytes) throw tooLarge(transport.name);
      chunks.push(chunk);
    }
  } catch (error) {
    body.destroy();
    throw toMirrorError(error, transport.name);
  } finally {
    timer.stop();
    transport.receivedBytes(sizeBytes);
  }
  // undici takes a connection back one turn after the body's end; the next request often follows at once, and
  // would open another.
  await nextTurn();
  return await decode(Buffer.concat(chunks), findEncoding(headers['content-encoding']), maxBytes, transport.name);
}

/** `identity` and nothing are the same; names in lower case. */
export function findEncoding(header: string | readonly string[] | undefined): string | undefined {
  const text = (typeof header === 'string' ? header : header?.join(','))?.trim().toLowerCase();
  return text === undefined || text === '' || text === 'identity' ? undefined : text;
}

/** The size of the body as it will be read: not known when an encoding has to be taken off. */
export function findLength(headers: IncomingHttpHeaders): number | undefined {
  const length = headers['content-length'];
  if (length === undefined || findEncoding(headers['content-encoding']) !== undefined) return undefined;
  return /^\d{1,15}$/.test(length) ? Number(length) : undefined;
}

export function isGzip(encoding: string): boolean {
  return encoding === 'gzip' || encoding === 'x-gzip';
}

async function decode(
  raw: Buffer,
  encoding: string | undefined,
  maxBytes: number,
  upstream: string,
): Promise<Uint8Array> {
  if (encoding === undefined) return raw;
  if (!isGzip(encoding)) throw unknownEncoding(upstream);
  try {
    return await promisify(gunzip)(raw, { maxOutputLength: maxBytes });
  } catch (error) {
    throw new MirrorError({
      kind: 'content-mismatch',
      message: `${upstream} sent a body that cannot be decoded`,
      cause: error,
    });
  }
}

/** We asked for none, and one layer of gzip is the most that is taken off (faults, case 13). */
export function unknownEncoding(upstream: string): MirrorError {
  return new MirrorError({
    kind: 'content-mismatch',
    message: `${upstream} sent a body in an encoding nobody asked for`,
  });
}

function tooLarge(upstream: string): MirrorError {
  return new MirrorError({ kind: 'content-mismatch', message: `${upstream} sent a larger answer than there can be` });
}

/** The same for an answer without a body: the next request, which often follows at once, finds its connection free. */
export async function discardHead(response: TransportResponse, transport: Transport): Promise<void> {
  discardBody(response, transport);
  await nextTurn();
}

/** Gets rid of a body without waiting for it; the connection is kept where that is cheap. */
export function discardBody({ body }: TransportResponse, transport: Transport): void {
  const timer = transport.clock.startTimer(maxDiscardMs, () => body.destroy());
  body.once('close', () => timer.stop());
  body.dump({ limit: maxDiscardBytes }).catch(() => {});
}
