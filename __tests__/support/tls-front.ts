// TLS in front of a scripted server, with a certificate of the tests' own authority.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream';
import { createServer } from 'node:tls';
import { authority, serverCertificate, serverKey } from '../unit/upstream/certificates.ts';

/** Its certificate is for 127.0.0.1 and localhost, until 2126. The owner must `close` it. */
export interface TlsFront {
  readonly port: number;
  /** The authority, for `tls.caFile`. */
  readonly caFile: string;
  /** Connections so far. */
  readonly handshakes: number;
  close(): Promise<void>;
}

/** Listens on this address of loopback and passes everything on to `port` of 127.0.0.1. */
export async function startTlsFront(port: number, hostname: string): Promise<TlsFront> {
  const directory = await mkdtemp(join(tmpdir(), 'stowage-tls-'));
  const caFile = join(directory, 'ca.pem');
  await writeFile(caFile, authority);
  const sockets = new Set<Socket>();
  let handshakes = 0;
  const server = createServer({ cert: serverCertificate, key: serverKey }, (socket) => {
    const onward = connect(port, '127.0.0.1');
    // Either side may leave first; the other one goes with it.
    pipeline(socket, onward, socket, () => onward.destroy());
  });
  server.on('connection', (socket: Socket) => {
    handshakes += 1;
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    socket.on('error', () => {});
  });
  server.on('tlsClientError', () => {});
  await new Promise<void>((resolve) => server.listen(0, hostname, resolve));
  return {
    port: (server.address() as AddressInfo).port,
    caFile,
    get handshakes() {
      return handshakes;
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
      await rm(directory, { recursive: true, force: true });
    },
  };
}
