// Writes one answer to a connection, with its faults and at its rate.
import { setTimeout as delay } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { createContent, type Content } from './content.ts';
import type { Fault } from './fault.ts';
import type { Connection, RecordedRequest } from './raw-server.ts';

/** What would be sent if nothing went wrong. Header names in lower case. */
export interface PlainAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly content?: Content;
  /** The part of the content that is the body; default: all of it. */
  readonly span?: { readonly start: number; readonly end: number };
}

export interface SendOptions {
  /** Bytes per second of each connection; 0 = as fast as it goes. */
  readonly bytesPerSecond: number;
  /** Told after every piece of body. */
  readonly onBytes: (bytes: number) => void;
}

const largestPieceBytes = 64 * 1024;
/** How far a connection may catch up after it could not send for a while. */
const burstMs = 50;

/** Sends the answer; resolves when it is out, cut, or the other side has gone. */
export async function sendAnswer(
  request: RecordedRequest,
  connection: Connection,
  plain: PlainAnswer,
  fault: Fault,
  options: SendOptions,
): Promise<void> {
  const { socket } = connection;
  if (fault.hold !== undefined) await Promise.race([fault.hold.pass(), connection.closed]);
  if (fault.isSilent === true) await connection.closed;
  if (fault.delayMs !== undefined) await Promise.race([delay(fault.delayMs), connection.closed]);
  if (socket.destroyed) return;
  if (fault.refuse !== undefined) return endBy(connection, fault.refuse);
  if (fault.raw !== undefined) {
    await write(connection, Buffer.from(fault.raw, 'latin1'));
    return endBy(connection, 'FIN');
  }
  const answer = applyFault(plain, fault);
  const body = bodyOf(request, answer, fault);
  request.status = answer.status;
  socket.write(formatHead(answer.status, headersOf(answer, body, fault)), 'latin1');
  await sendBody(request, connection, body, fault, options);
  if (socket.destroyed) return;
  const endsByClose = fault.noLength === true || fault.endless === true || answer.headers['connection'] === 'close';
  if (endsByClose && body.isSent) await endBy(connection, 'FIN');
}

function applyFault(plain: PlainAnswer, fault: Fault): PlainAnswer {
  let answer = plain;
  if (fault.redirect !== undefined) {
    answer = { status: 307, headers: { location: fault.redirect }, content: createContent('') };
  }
  if (fault.challenge !== undefined) {
    answer = {
      status: 401,
      headers: { 'www-authenticate': fault.challenge, 'content-type': 'application/json' },
      content: createContent('{"errors":[{"code":"UNAUTHORIZED"}]}'),
    };
  }
  if (fault.status !== undefined) answer = { ...answer, status: fault.status };
  if (fault.body !== undefined) answer = withBody(answer, fault.body);
  if (fault.encode === 'gzip' && answer.content !== undefined) {
    const bytes = gzipSync(answer.content.read(0, answer.content.sizeBytes));
    answer = withBody({ ...answer, headers: { ...answer.headers, 'content-encoding': 'gzip' } }, bytes);
  }
  return { ...answer, headers: { ...answer.headers, ...fault.headers } };
}

function withBody({ status, headers }: PlainAnswer, body: string | Uint8Array): PlainAnswer {
  return { status, headers, content: createContent(body) };
}

interface Body {
  readonly content: Content;
  readonly start: number;
  readonly end: number;
  readonly isSent: boolean;
  readonly framing: 'length' | 'chunked' | 'close';
}

function bodyOf(request: RecordedRequest, answer: PlainAnswer, fault: Fault): Body {
  const content = answer.content ?? createContent('');
  const { start, end } = answer.span ?? { start: 0, end: content.sizeBytes };
  const isSent = request.method !== 'HEAD' && answer.status !== 304 && answer.status !== 204;
  const isUnbounded = fault.noLength === true || fault.endless === true;
  return {
    content,
    start,
    end,
    isSent,
    framing: fault.chunked === true ? 'chunked' : isUnbounded ? 'close' : 'length',
  };
}

function headersOf(answer: PlainAnswer, body: Body, fault: Fault): Record<string, string | undefined> {
  const framing =
    body.framing === 'length'
      ? { 'content-length': String(body.end - body.start) }
      : body.framing === 'chunked'
        ? { 'transfer-encoding': 'chunked' }
        : { connection: 'close' };
  return { ...framing, ...answer.headers, ...fault.headers };
}

const reasons: Readonly<Record<number, string>> = { 200: 'OK', 206: 'Partial Content', 307: 'Temporary Redirect' };

function formatHead(status: number, headers: Readonly<Record<string, string | undefined>>): string {
  const lines = Object.entries(headers).flatMap(([name, value]) => (value === undefined ? [] : [`${name}: ${value}`]));
  return [`HTTP/1.1 ${status} ${reasons[status] ?? 'Status'}`, ...lines, '', ''].join('\r\n');
}

async function sendBody(
  request: RecordedRequest,
  connection: Connection,
  body: Body,
  fault: Fault,
  { bytesPerSecond, onBytes }: SendOptions,
): Promise<void> {
  if (!body.isSent) return;
  const { socket } = connection;
  const rate = fault.drip ?? bytesPerSecond;
  const step = rate > 0 ? Math.max(1, Math.min(largestPieceBytes, Math.floor(rate / 50))) : largestPieceBytes;
  const length = fault.endless === true ? Infinity : body.end - body.start + (fault.extra ?? 0);
  let isHeld = fault.holdBody !== undefined;
  let sent = 0;
  const stops = [fault.cut?.after, fault.stall?.after, fault.holdBody?.after].filter((stop) => stop !== undefined);
  for (;;) {
    if (fault.cut !== undefined && sent >= fault.cut.after) return endBy(connection, fault.cut.by);
    if (fault.stall !== undefined && sent >= fault.stall.after) return connection.closed;
    if (isHeld && fault.holdBody !== undefined && sent >= fault.holdBody.after) {
      isHeld = false;
      await Promise.race([fault.holdBody.gate.pass(), connection.closed]);
    }
    if (socket.destroyed || sent >= length) break;
    const nextStop = Math.min(length, ...stops.filter((stop) => stop > sent));
    const piece = readPiece(body, sent, Math.min(step, nextStop - sent), fault.flip);
    if (rate > 0) await pace(connection, piece.length, rate);
    if (socket.destroyed) return;
    sent += piece.length;
    request.bodyBytes += piece.length;
    await write(connection, body.framing === 'chunked' ? frameChunk(piece) : piece);
    onBytes(piece.length);
  }
  if (body.framing === 'chunked' && !socket.destroyed) await write(connection, Buffer.from('0\r\n\r\n'));
}

/** Content, and behind its end (extra, endless) the letter x. */
function readPiece(body: Body, sent: number, length: number, flip: number | undefined): Buffer {
  const start = body.start + sent;
  const inside = Math.max(0, Math.min(length, body.end - start));
  const piece = inside === length ? body.content.read(start, start + length) : Buffer.alloc(length, 'x');
  if (inside > 0 && inside < length) body.content.read(start, start + inside).copy(piece);
  if (flip !== undefined && flip >= start && flip < start + inside)
    piece[flip - start] = (piece[flip - start] ?? 0) ^ 1;
  return piece;
}

function frameChunk(piece: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from('\r\n')]);
}

/** Waits until `bytes` more may leave this connection. */
async function pace(connection: Connection, bytes: number, bytesPerSecond: number): Promise<void> {
  const nowMs = performance.now();
  const startMs = Math.max(connection.nextFreeMs, nowMs - burstMs);
  connection.nextFreeMs = startMs + (bytes / bytesPerSecond) * 1000;
  const waitMs = connection.nextFreeMs - nowMs;
  if (waitMs < 1) return;
  let timer: NodeJS.Timeout | undefined;
  const due = new Promise<void>((resolve) => (timer = setTimeout(resolve, waitMs)));
  await Promise.race([due, connection.closed]);
  clearTimeout(timer);
}

/** Hands bytes to the socket; resolves when it has room for more, or is gone. */
async function write({ socket, closed }: Connection, bytes: Buffer): Promise<void> {
  if (socket.destroyed || socket.write(bytes)) return;
  const drained = new Promise<void>((resolve) => void socket.once('drain', resolve));
  await Promise.race([drained, closed]);
}

/** Resolves when the connection may be left to its end: after a reset it must not be ended a second time. */
function endBy({ socket, closed }: Connection, by: 'FIN' | 'RST'): Promise<void> {
  if (by === 'FIN') {
    socket.end();
    return Promise.resolve();
  }
  // What was written before must reach the kernel first: a reset throws away what is still queued here.
  // Node hangs at exit when a socket is reset while its end is under way.
  socket.write(Buffer.alloc(0), () => socket.resetAndDestroy());
  return closed;
}
