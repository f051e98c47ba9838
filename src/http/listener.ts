// A listener: sockets, their time limits and their end. Knows nothing of what is asked or answered.
import {
  createServer,
  STATUS_CODES,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { Socket } from 'node:net';
import type { Clock } from '../telemetry/clock.ts';
import { ClientConnections, type ConnectionRule } from './client-connections.ts';
import { findConnectionBound } from './connection-bound.ts';
import { createTlsServer, type ListenerTls } from './tls-server.ts';

/** Port 0 lets the system choose. IPv6 without brackets. */
export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

export interface Listener {
  /** Binds to all of the addresses or to none; gives the bound ones, in the same order. Call once. */
  listen(addresses: readonly ListenAddress[]): Promise<readonly ListenAddress[]>;
  /**
   * Stops accepting, ends idle connections at once and busy ones after the answers they are giving; what still
   * runs after `drainMs` is cut. Resolves when no socket is left; a further call gives the same end.
   */
  close(options: { readonly drainMs: number }): Promise<void>;
  /** Open connections, for metrics and tests. */
  readonly connections: number;
}

export interface ListenerOptions {
  readonly handler: RequestListener;
  readonly clock: Clock;
  /** Above what clients keep idle connections for (30 to 120 s), so that they close first; default 150 s. */
  readonly keepAliveTimeoutMs?: number;
  /** From the connection, or the first byte of a further request, to the end of its headers; default 10 s. */
  readonly headersTimeoutMs?: number;
  /** Of the request alone, its body included; answers may take as long as they move. Default 30 s. */
  readonly requestTimeoutMs?: number;
  /** On all addresses together; a client too many finds its connection closed. Default: what the descriptors allow. */
  readonly maxConnections?: number;
  /** On all addresses together, of each client; default: any number. */
  readonly clients?: ConnectionRule;
  /** The body, JSON, for a request that could not be read; default: none. */
  readonly describe?: ((status: number) => string) | undefined;
  /** Undefined: plain HTTP. */
  readonly tls?: ListenerTls | undefined;
  /** Whether a connection from there may stay; default: all. */
  admitsPeer?(address: string | undefined): boolean;
}

/** A burst of nodes that start together must not be refused by the kernel. */
const backlog = 4096;
/** 1024 ranges in one header need about 20 kB. */
const maxHeaderSize = 32 * 1024;

/** Makes a listener that is not bound yet. */
export function createListener(options: ListenerOptions): Listener {
  const sockets = new Map<Socket, Set<ServerResponse>>();
  /** Those that have been answered and are kept for later, the longest idle first. */
  const idle = new Set<Socket>();
  const servers: Server[] = [];
  const maxConnections = options.maxConnections ?? findConnectionBound() ?? Infinity;
  const clients = options.clients && new ClientConnections(options.clients);
  let ending: Promise<void> | undefined;

  const onRequest = (request: IncomingMessage, response: ServerResponse): void => {
    const { socket } = request;
    const running = sockets.get(socket) ?? new Set();
    running.add(response);
    idle.delete(socket);
    if (ending !== undefined) response.shouldKeepAlive = false;
    response.once('close', () => {
      running.delete(response);
      if (running.size > 0 || !sockets.has(socket)) return;
      // An answer whose headers went out before the end began has not told the client to close.
      if (ending !== undefined) socket.destroySoon();
      else idle.add(socket);
    });
    options.handler(request, response);
  };

  /** A client that only keeps its connection for later goes before the one that has just come. */
  const makeRoom = (newest: Socket): void => {
    const [longestIdle = newest] = idle;
    idle.delete(longestIdle);
    longestIdle.destroy();
  };

  const keep = (socket: Socket): void => {
    sockets.set(socket, new Set());
    socket.once('close', () => {
      sockets.delete(socket);
      idle.delete(socket);
    });
  };

  const onOpen = (socket: Socket): void => {
    if (options.admitsPeer?.(socket.remoteAddress) === false) {
      socket.destroy();
      return;
    }
    keep(socket);
    if (clients?.admit(socket, idle) !== false && sockets.size > maxConnections) makeRoom(socket);
  };

  const createOne = (): Server => {
    const serverOptions = {
      keepAliveTimeout: options.keepAliveTimeoutMs ?? 150_000,
      headersTimeout: options.headersTimeoutMs ?? 10_000,
      requestTimeout: options.requestTimeoutMs ?? 30_000,
      connectionsCheckingInterval: 1_000,
      maxHeaderSize,
      noDelay: true,
      // Hardly a request has a body, and nobody reads one.
      optimizeEmptyRequests: true,
    };
    const server =
      options.tls === undefined
        ? createServer(serverOptions, onRequest).on('connection', onOpen)
        : createTlsServer(options.tls, serverOptions, onRequest, {
            onOpen,
            onSecure(from, to) {
              sockets.delete(from);
              keep(to);
              clients?.replace(from, to);
            },
          });
    // With a listener of its own, no "100 Continue" is sent: no body is wanted.
    server.on('checkContinue', onRequest);
    server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
      const isAnswering = (sockets.get(socket)?.size ?? 0) > 0;
      refuse(error, socket, { isAnswering, describe: options.describe });
    });
    return server;
  };

  async function end(drainMs: number): Promise<void> {
    const closed = servers.map((server) => new Promise<void>((resolve) => server.close(() => resolve())));
    for (const [socket, running] of sockets) {
      if (running.size === 0) socket.destroy();
      for (const response of running) response.shouldKeepAlive = false;
    }
    const timer = options.clock.startTimer(drainMs, () => {
      for (const socket of sockets.keys()) socket.destroy();
    });
    await Promise.all(closed);
    // Servers count a socket as gone a little before it has told everybody.
    await Promise.all([...sockets.keys()].map((socket) => new Promise((resolve) => socket.once('close', resolve))));
    timer.stop();
  }

  return {
    async listen(addresses) {
      try {
        const bound: ListenAddress[] = [];
        for (const address of addresses) {
          const server = createOne();
          bound.push(await bind(server, address));
          servers.push(server);
        }
        return bound;
      } catch (error) {
        await end(0);
        throw error;
      }
    },
    close({ drainMs }) {
      ending ??= end(drainMs);
      return ending;
    },
    get connections() {
      return sockets.size;
    },
  };
}

function bind(server: Server, address: ListenAddress): Promise<ListenAddress> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: address.host, port: address.port, backlog }, () => {
      server.off('error', reject);
      const bound = server.address();
      resolve({ host: address.host, port: typeof bound === 'object' && bound !== null ? bound.port : address.port });
    });
  });
}

/** What the parser did not take. In the middle of an answer there is nothing to say any more. */
function refuse(
  error: NodeJS.ErrnoException,
  socket: Socket,
  { isAnswering, describe }: Pick<ListenerOptions, 'describe'> & { readonly isAnswering: boolean },
): void {
  if (!socket.writable || isAnswering) {
    socket.destroy();
    return;
  }
  const status = statusOf(error.code);
  const body = describe?.(status) ?? '';
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`,
    'Connection: close',
    ...(body === '' ? [] : ['Content-Type: application/json']),
    `Content-Length: ${Buffer.byteLength(body)}`,
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`, () => socket.destroy());
}

function statusOf(code: string | undefined): number {
  if (code === 'HPE_HEADER_OVERFLOW') return 431;
  return code === 'ERR_HTTP_REQUEST_TIMEOUT' ? 408 : 400;
}
