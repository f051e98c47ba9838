// A client that tells exactly what came: complete or broken, which bytes, and when the first of them.
import { createHash } from 'node:crypto';
import { request, type Agent, type IncomingMessage } from 'node:http';
import { request as requestSecurely } from 'node:https';
import { clientCertificate, clientKey } from '../unit/upstream/certificates.ts';
import { createSignal } from './signal.ts';

export interface PullOptions {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** The Range header's value. */
  readonly range?: string;
  /** Keeps the body, whatever its size. Up to 1 MiB is always kept. */
  readonly keepBody?: boolean;
  /** Reads no faster than this. */
  readonly bytesPerSecond?: number;
  /** Leaves the connection when so many bytes have come. */
  readonly abortAfter?: number;
  /** Headers are read, the body never is. */
  readonly neverReads?: boolean;
  /** Pulls that share an agent share its connections. Default: a connection of its own. */
  readonly agent?: Agent;
  /** To `https:`: whose certificates are believed (default: all), and the client's own (default: the tests'; `none`). */
  readonly ca?: string;
  readonly certificate?: { readonly cert: string; readonly key: string } | 'none';
}

/** What a pull came to. */
export interface Pulled {
  /** 0 when no answer came. */
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly bytes: number;
  /** sha256 of the bytes that came, as a digest. */
  readonly digest: string;
  /** The message ended as its framing says: Content-Length satisfied, last chunk seen. */
  readonly isComplete: boolean;
  /** Kept up to 1 MiB or with `keepBody`, else empty. */
  readonly body: Buffer;
  /** Why it broke, when it did. */
  readonly error: string | undefined;
  /** Milliseconds from the request to the first byte of the body, and to the end. */
  readonly firstByteMs: number | undefined;
  readonly totalMs: number;
}

/** A pull under way. */
export interface Pull {
  /** Settles when the message has ended or broken; never rejects. */
  readonly done: Promise<Pulled>;
  /** Resolves with the status when the head has come; 0 when none came. */
  readonly status: Promise<number>;
  /** Bytes of the body so far. */
  readonly received: number;
  /** Resolves when so many bytes have come, or the pull has ended. */
  untilReceived(bytes: number): Promise<void>;
  /** Stops reading: the connection fills up. */
  pause(): void;
  resume(): void;
  /** Leaves. */
  abort(): void;
}

const alwaysKeptBytes = 1024 * 1024;

/** Pulls `path` (sent undecoded, as it is) from `address`, which may hold a login, and waits for the end. */
export function pull(address: string, path: string, options: PullOptions = {}): Promise<Pulled> {
  return startPull(address, path, options).done;
}

/** Starts a pull. The caller waits for `done` or calls `abort`. */
export function startPull(address: string, path: string, options: PullOptions = {}): Pull {
  const { hostname, port, protocol, username, password } = new URL(address);
  const login = username === '' ? {} : { authorization: basic(username, password) };
  const startMs = performance.now();
  const result = Promise.withResolvers<Pulled>();
  const head = Promise.withResolvers<number>();
  const signal = createSignal();
  const hash = createHash('sha256');
  const kept: Buffer[] = [];
  let received = 0;
  let firstByteMs: number | undefined;
  let isEnded = false;
  let hasLeft = false;
  let waiting: NodeJS.Timeout | undefined;
  let response: IncomingMessage | undefined;

  const outgoing = (protocol === 'https:' ? requestSecurely : request)({
    ...(protocol === 'https:' && toTlsOptions(options)),
    host: hostname.replace(/^\[|\]$/g, ''),
    port,
    path,
    method: options.method ?? 'GET',
    headers: { ...login, ...options.headers, ...(options.range === undefined ? {} : { range: options.range }) },
    agent: options.agent ?? false,
  });
  const finish = (error: string | undefined): void => {
    if (isEnded) return;
    isEnded = true;
    clearTimeout(waiting);
    head.resolve(response?.statusCode ?? 0);
    result.resolve({
      status: response?.statusCode ?? 0,
      headers: (response?.headers ?? {}) as Readonly<Record<string, string>>,
      bytes: received,
      digest: `sha256:${hash.digest('hex')}`,
      isComplete: error === undefined && response?.complete === true,
      body: Buffer.concat(kept),
      error,
      firstByteMs,
      totalMs: performance.now() - startMs,
    });
    signal.raise();
  };
  /** When all has come the request alone has nothing left to destroy, and what waits here is thrown away as if it were read. */
  const leave = (): void => {
    hasLeft = true;
    outgoing.destroy();
    response?.destroy();
  };
  const onBytes = (bytes: Buffer): void => {
    // A stream that is being destroyed may still hand out what it holds.
    if (isEnded) return;
    firstByteMs ??= performance.now() - startMs;
    received += bytes.length;
    hash.update(bytes);
    if (options.keepBody === true || received <= alwaysKeptBytes) kept.push(bytes);
    else kept.length = 0;
    if (options.abortAfter !== undefined && received >= options.abortAfter) leave();
    else if (options.bytesPerSecond !== undefined) slowDown(received, options.bytesPerSecond);
    signal.raise();
  };
  /** Pauses until the bytes so far are due at that rate. */
  const slowDown = (bytes: number, bytesPerSecond: number): void => {
    const aheadMs = startMs + (bytes / bytesPerSecond) * 1000 - performance.now();
    if (aheadMs < 1) return;
    response?.pause();
    waiting = setTimeout(() => response?.resume(), aheadMs);
  };
  outgoing.on('response', (incoming) => {
    response = incoming;
    head.resolve(incoming.statusCode ?? 0);
    incoming.on('error', (error: NodeJS.ErrnoException) => finish(error.code ?? error.message));
    incoming.on('end', () => finish(incoming.complete ? (hasLeft ? 'closed' : undefined) : 'incomplete'));
    // Only after the end all was handed out: the message may have come whole, and be destroyed before it was read.
    incoming.on('close', () => finish('closed'));
    if (options.neverReads !== true) incoming.on('data', onBytes);
    signal.raise();
  });
  outgoing.on('error', (error: NodeJS.ErrnoException) => finish(error.code ?? error.message));
  // With an answer under way its own events tell the end: bytes of it may come after this one.
  outgoing.on('close', () => {
    if (response === undefined) finish('closed');
  });
  outgoing.end();
  return {
    done: result.promise,
    status: head.promise,
    get received() {
      return received;
    },
    untilReceived: (bytes) => signal.until(() => received >= bytes || isEnded),
    pause: () => void response?.pause(),
    resume: () => void response?.resume(),
    abort: leave,
  };
}

/** RFC 7617. */
export function basic(user: string, password: string): string {
  return `Basic ${Buffer.from(`${decodeURIComponent(user)}:${decodeURIComponent(password)}`).toString('base64')}`;
}

function toTlsOptions({ ca, certificate = { cert: clientCertificate, key: clientKey } }: PullOptions): object {
  return { ca, rejectUnauthorized: ca !== undefined, ...(certificate !== 'none' && certificate) };
}

/** The JSON of a body, and an empty object for one that is none. */
export function jsonOf(pulled: Pulled): Record<string, unknown> {
  try {
    return JSON.parse(pulled.body.toString()) as Record<string, unknown>;
  } catch {
    return {};
  }
}
