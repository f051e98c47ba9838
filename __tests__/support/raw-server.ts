// An HTTP/1.1 server on a bare socket: it can do everything a real server must not.
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { findFreePort } from './free-port.ts';
import { createSignal } from './signal.ts';

/** One request as it came, and what became of its answer. */
export interface RecordedRequest {
  readonly id: number;
  /** Counted from 1 per server: two requests with the same number came on one connection. */
  readonly connection: number;
  readonly method: string;
  /** The request target, undecoded, with its query. */
  readonly target: string;
  /** Names in lower case; repeated ones joined by a comma. */
  readonly headers: Readonly<Record<string, string>>;
  readonly arrivedMs: number;
  status: number | undefined;
  /** Bytes of the body handed to the socket. */
  bodyBytes: number;
  isAnswered: boolean;
}

/** A connection, as the one who answers sees it. */
export interface Connection {
  readonly socket: Socket;
  /** When the next byte may leave, for the rate limit. Monotonic milliseconds. */
  nextFreeMs: number;
  readonly closed: Promise<void>;
}

export type Answer = (request: RecordedRequest, connection: Connection) => Promise<void>;

export interface RawServer {
  readonly host: string;
  readonly port: number;
  readonly url: string;
  readonly requests: readonly RecordedRequest[];
  /** Connections accepted so far, and open now. */
  readonly connections: { readonly accepted: number; readonly open: number };
  /** Resolves when `isReached` holds; asked again after every request, byte and connection. */
  readonly until: (isReached: () => boolean) => Promise<void>;
  /** Something that `until` may wait for has changed. */
  readonly changed: () => void;
  readonly forgetRequests: () => void;
  /** Refuses connections: listener closed, sockets destroyed. */
  readonly down: () => Promise<void>;
  /** Listens again, on the same port. */
  readonly up: () => Promise<void>;
  readonly close: () => Promise<void>;
}

/** Starts listening on a free port of `host`. The caller must `close` it. */
export async function startRawServer(answer: Answer, host = '127.0.0.1'): Promise<RawServer> {
  const requests: RecordedRequest[] = [];
  const sockets = new Set<Socket>();
  const signal = createSignal();
  let accepted = 0;
  let nextId = 1;
  let server: Server | undefined;

  const onSocket = (socket: Socket): void => {
    const connection = (accepted += 1);
    sockets.add(socket);
    socket.setNoDelay(true);
    socket.on('error', () => {});
    const closed = new Promise<void>((resolve) => {
      socket.once('close', () => {
        sockets.delete(socket);
        resolve();
        signal.raise();
      });
    });
    const record = (head: Head): RecordedRequest => {
      const request: RecordedRequest = {
        ...head,
        id: nextId++,
        connection,
        arrivedMs: performance.now(),
        status: undefined,
        bodyBytes: 0,
        isAnswered: false,
      };
      requests.push(request);
      signal.raise();
      return request;
    };
    serve({ socket, nextFreeMs: 0, closed }, record, async (request, on) => {
      await answer(request, on);
      request.isAnswered = true;
      signal.raise();
    });
    signal.raise();
  };

  const listen = async (port: number): Promise<number> => {
    server = createServer(onSocket);
    const listening = server;
    await new Promise<void>((resolve, reject) => {
      listening.once('error', reject);
      listening.listen({ port, host, backlog: 4096 }, resolve);
    });
    return (listening.address() as AddressInfo).port;
  };
  const down = async (): Promise<void> => {
    const closing = server;
    if (closing === undefined) return;
    server = undefined;
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => closing.close(resolve));
  };

  // One that is still there for it after `down`.
  const port = await listen(host === '127.0.0.1' ? await findFreePort() : 0);
  return {
    host,
    port,
    url: `http://${host.includes(':') ? `[${host}]` : host}:${port}`,
    requests,
    get connections() {
      return { accepted, open: sockets.size };
    },
    until: (isReached) => signal.until(isReached),
    changed: () => signal.raise(),
    forgetRequests: () => void (requests.length = 0),
    down,
    async up() {
      if (server === undefined) await listen(port);
    },
    close: down,
  };
}

type Head = Pick<RecordedRequest, 'method' | 'target' | 'headers'>;

/** Reads request heads and has them answered one after the other. Bodies of requests are not expected. */
function serve(connection: Connection, record: (head: Head) => RecordedRequest, answer: Answer): void {
  const { socket } = connection;
  let held = '';
  let isBusy = false;
  const goOn = async (): Promise<void> => {
    if (isBusy) return;
    isBusy = true;
    for (let end = held.indexOf('\r\n\r\n'); end >= 0 && !socket.destroyed; end = held.indexOf('\r\n\r\n')) {
      const head = parseHead(held.slice(0, end));
      held = held.slice(end + 4);
      await answer(record(head), connection);
    }
    isBusy = false;
  };
  socket.on('data', (bytes) => {
    held += bytes.toString('latin1');
    goOn().catch((error: unknown) => socket.destroy(error as Error));
  });
  // Nobody who pulls half-closes a connection: an end means that the other side has left.
  socket.on('end', () => socket.destroy());
}

function parseHead(text: string): Head {
  const [first = '', ...lines] = text.split('\r\n');
  const [method = '', target = ''] = first.split(' ');
  const headers: Record<string, string> = {};
  for (const line of lines) {
    const colon = line.indexOf(':');
    const name = line.slice(0, colon).toLowerCase();
    const value = line.slice(colon + 1).trim();
    headers[name] = headers[name] === undefined ? value : `${headers[name]}, ${value}`;
  }
  return { method, target, headers };
}
