import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { startPull } from '../../support/raw-client.ts';

const body = Buffer.alloc(50_000, 'b');
const firstBytes = 10_000;
let server: Server;
let address: string;
let sendRest: () => void;
let sockets: Socket[];

/** Keeps its connections: the end of one would tell a client that has left more than the answer does. */
beforeEach(async () => {
  sockets = [];
  server = createServer((socket) => {
    sockets.push(socket.on('error', () => {}));
    socket.once('data', () => {
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n`);
      socket.write(body.subarray(0, firstBytes));
      sendRest = () => socket.write(body.subarray(firstBytes));
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  server.close();
  await once(server, 'close');
});

test('a body of which all was read is complete', async () => {
  const pull = startPull(address, '/');
  await pull.untilReceived(1);
  sendRest();

  const pulled = await pull.done;

  expect(pulled).toMatchObject({ isComplete: true, bytes: body.length, error: undefined });
});

test('a body of which a part was not read is not complete, although all of it had come', async () => {
  const pull = startPull(address, '/', { bytesPerSecond: 1 });
  await pull.untilReceived(1);
  sendRest();
  // Another connection's answer has come since, so this one's last byte has too.
  const other = startPull(address, '/');
  await other.status;
  other.abort();
  pull.abort();

  const pulled = await pull.done;

  expect(pulled.bytes).toBeLessThan(body.length);
  expect(pulled).toMatchObject({ isComplete: false, error: 'closed' });
});
