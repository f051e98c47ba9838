import { createServer, type ServerOptions } from 'node:https';
import type { RequestListener, Server } from 'node:http';
import type { Socket } from 'node:net';
import type { SecureContextOptions, TLSSocket } from 'node:tls';

/** How a listener proves who it is, and whom it wants to know. */
export interface ListenerTls {
  /** What holds now; looked at when the server is made and after each change. */
  readonly context: SecureContextOptions;
  readonly clientCerts: 'none' | 'optional' | 'required';
  /** The context is another one: for new connections; those that there are go on. */
  onChange(listener: () => void): void;
}

/** What a listener does with connections. */
export interface SocketEvents {
  /** There is a connection; nothing has been read. */
  onOpen(socket: Socket): void;
  /** The same connection, from now on by another socket: that of requests. */
  onSecure(from: Socket, to: Socket): void;
}

const handshakeTimeout = 10_000;
const plainAnswer = 'this port speaks TLS: use https\n';

/** As `createServer` of `node:http`, with TLS. */
export function createTlsServer(
  tls: ListenerTls,
  options: ServerOptions,
  onRequest: RequestListener,
  { onOpen, onSecure }: SocketEvents,
): Server {
  const requestCert = tls.clientCerts !== 'none';
  const server = createServer(
    // One that is shown must be right, also where none needs to be.
    { ...options, ...tls.context, requestCert, rejectUnauthorized: tls.clientCerts === 'required', handshakeTimeout },
    onRequest,
  );
  const handshakes = new Map<string, Socket>();
  server.on('connection', (socket: Socket) => {
    const name = nameOf(socket);
    handshakes.set(name, socket);
    socket.once('close', () => {
      if (handshakes.get(name) === socket) handshakes.delete(name);
    });
    onOpen(socket);
  });
  server.prependListener('secureConnection', (socket: TLSSocket) => {
    const name = nameOf(socket);
    const raw = handshakes.get(name);
    handshakes.delete(name);
    if (raw !== undefined) onSecure(raw, socket);
    if (tls.clientCerts === 'optional' && !socket.authorized && socket.getPeerX509Certificate() !== undefined) {
      socket.destroy();
    }
  });
  server.prependListener('tlsClientError', (error: NodeJS.ErrnoException, socket: TLSSocket) => {
    const raw = handshakes.get(nameOf(socket));
    if (error.code !== 'ERR_SSL_HTTP_REQUEST' || raw === undefined) {
      // Node leaves it open, also when the time for its handshake is over, and what is written to it waits for ever.
      socket.destroy();
      return;
    }
    // Nothing has been sent on it, so this can be said in the clear.
    raw.end(
      `HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: text/plain\r\n` +
        `Content-Length: ${plainAnswer.length}\r\n\r\n${plainAnswer}`,
      () => raw.destroy(),
    );
  });
  tls.onChange(() => server.setSecureContext({ ...tls.context }));
  return server;
}

/** Of one connection among those of a server. */
function nameOf({ remoteAddress, remotePort, localAddress }: Socket): string {
  return `${remoteAddress} ${remotePort} ${localAddress}`;
}
