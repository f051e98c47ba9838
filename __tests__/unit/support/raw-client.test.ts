import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { createServer, type Server } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { startPull } from '../../support/raw-client.ts';

const body = Buffer.alloc(50_000, 'b');
let server: Server;
let sendRest: () => void;
let address: string;

beforeEach(async () => {
  server = createServer((_request, response) => {
    response.writeHead(200, { 'content-length': body.length });
    response.write(body.subarray(0, 10_000));
    sendRest = () => response.end(body.subarray(10_000));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterEach(async () => {
  server.closeAllConnections();
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
