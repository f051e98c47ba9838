import { createServer, type AddressInfo } from 'node:net';

/** A listener to which nobody may ever connect. The owner must `close` it. */
export interface Canary {
  readonly url: string;
  readonly port: number;
  /** Connections seen: 0, or the mirror went where it must not. */
  readonly connections: number;
  /** Everything that was sent to it, for the message of a failing test. */
  readonly received: string;
  close(): Promise<void>;
}

/** Starts it on a free port of `host`. */
export async function startCanary(host = '127.0.0.1'): Promise<Canary> {
  let connections = 0;
  let received = '';
  const server = createServer((socket) => {
    connections += 1;
    socket.on('error', () => {});
    socket.on('data', (bytes) => {
      received += bytes.toString('latin1');
      socket.destroy();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${port}`,
    port,
    get connections() {
      return connections;
    },
    get received() {
      return received;
    },
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}
