import { connect } from 'node:net';

/**
 * Sends bytes as they are and gives everything that comes back until the other side ends the connection,
 * or `isEnough` says so. For requests that no HTTP client would send.
 */
export function exchangeRaw(
  address: string,
  bytes: string,
  isEnough: (received: string) => boolean = () => false,
): Promise<string> {
  const { hostname, port } = new URL(address);
  return new Promise((resolve) => {
    let received = '';
    const socket = connect(Number(port), hostname.replace(/^\[|\]$/g, ''));
    const finish = (): void => {
      socket.destroy();
      resolve(received);
    };
    socket.on('connect', () => socket.write(bytes, 'latin1'));
    socket.on('data', (chunk) => {
      received += chunk.toString('latin1');
      if (isEnough(received)) finish();
    });
    socket.on('error', finish);
    socket.on('close', finish);
  });
}

/** True when a whole answer without a body, or with the announced length, has come. */
export function hasWholeAnswer(received: string): boolean {
  const end = received.indexOf('\r\n\r\n');
  if (end < 0) return false;
  const [, length = '0'] = /content-length: (\d+)/i.exec(received.slice(0, end)) ?? [];
  return received.length >= end + 4 + Number(length);
}
