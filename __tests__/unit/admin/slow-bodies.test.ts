// A body that comes a byte now and then, at the listener that reads bodies.
import { once } from 'node:events';
import { connect } from 'node:net';
import { afterEach, expect, test } from '@jest/globals';
import { createListener } from '../../../src/http/listener.ts';
import { systemClock } from '../../../src/telemetry/clock.ts';
import { ask, askToChange } from '../../support/admin-client.ts';
import { pollUntil } from '../../support/signal.ts';
import { makeAdminApp } from './serve.ts';

const ends: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end();
});

async function start() {
  let changes = 0;
  const handler = makeAdminApp({
    api: [
      (router) =>
        void router.post('/x', (_request, response) => {
          changes += 1;
          response.json({});
        }),
    ],
  });
  const listener = createListener({ clock: systemClock, handler, headersTimeoutMs: 500, requestTimeoutMs: 500 });
  ends.push(() => listener.close({ drainMs: 0 }));
  const [bound] = await listener.listen([{ host: '127.0.0.1', port: 0 }]);
  const port = bound?.port ?? 0;
  return { listener, port, address: `http://127.0.0.1:${port}`, changes: () => changes };
}

/** A hundred bytes are announced; one comes now and then. */
function sendSlowly(port: number) {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined).resume();
  const head =
    'POST /api/v1/x HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n';
  socket.write(`${head}{`);
  const dripping = setInterval(() => socket.write(' '), 50);
  ends.push(() => void socket.destroy());
  return once(socket, 'close').finally(() => clearInterval(dripping));
}

test('slow bodies are dropped when their time is over, change nothing, and hold nobody up', async () => {
  const { listener, port, address, changes } = await start();
  const dropped = Array.from({ length: 50 }, () => sendSlowly(port));
  await pollUntil(() => listener.connections === 50);
  expect((await ask(address, '/livez')).status).toBe(200);
  expect((await askToChange(address, '/api/v1/x', {})).status).toBe(200);
  await Promise.all(dropped);
  expect(changes()).toBe(1);
  await pollUntil(() => listener.connections === 0);
});
