import { afterEach, describe, expect, test } from '@jest/globals';
import { once } from 'node:events';
import { Agent, type RequestListener, type ServerResponse } from 'node:http';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { createListener, type Listener, type ListenerOptions } from '../../../src/http/listener.ts';
import { systemClock } from '../../../src/telemetry/clock.ts';
import { pollUntil } from '../../support/signal.ts';
import { pull, startPull } from '../../support/raw-client.ts';
import { createManualClock } from './manual-clock.ts';

const opened: { listeners: Listener[]; sockets: Socket[]; agents: Agent[] } = {
  listeners: [],
  sockets: [],
  agents: [],
};
afterEach(async () => {
  for (const socket of opened.sockets.splice(0)) socket.destroy();
  for (const agent of opened.agents.splice(0)) agent.destroy();
  await Promise.all(opened.listeners.splice(0).map((listener) => listener.close({ drainMs: 0 })));
});

async function start(handler: RequestListener, options: Partial<ListenerOptions> = {}) {
  const listener = createListener({ handler, clock: systemClock, ...options });
  opened.listeners.push(listener);
  const [bound] = await listener.listen([{ host: '127.0.0.1', port: 0 }]);
  return { listener, port: bound?.port ?? 0, address: `http://127.0.0.1:${bound?.port}` };
}

function open(port: number): Socket {
  const socket = connect(port, '127.0.0.1');
  opened.sockets.push(socket);
  socket.on('error', () => {});
  return socket;
}

function keepAlive(): Agent {
  const agent = new Agent({ keepAlive: true });
  opened.agents.push(agent);
  return agent;
}

const hello: RequestListener = (_request, response) => {
  response.end('hello');
};

/** A handler whose answers the test ends: the head is out at once, or not, as it is told. */
function createHeldHandler({ withHead }: { readonly withHead: boolean }) {
  const begun = Promise.withResolvers<ServerResponse>();
  const handler: RequestListener = (_request, response) => {
    if (withHead) {
      response.setHeader('Content-Length', '10');
      response.write('hello');
    }
    begun.resolve(response);
  };
  return { handler, begun: begun.promise };
}

describe('binding', () => {
  test('several addresses serve the same', async () => {
    const listener = createListener({ handler: hello, clock: systemClock });
    opened.listeners.push(listener);
    const bound = await listener.listen([
      { host: '127.0.0.1', port: 0 },
      { host: '127.0.0.1', port: 0 },
    ]);
    expect(bound).toHaveLength(2);
    for (const { port } of bound) expect((await pull(`http://127.0.0.1:${port}`, '/')).body.toString()).toBe('hello');
  });

  test('is all or nothing', async () => {
    const blocker = createServer();
    blocker.listen(0, '127.0.0.1');
    await once(blocker, 'listening');
    const { port } = blocker.address() as AddressInfo;
    const listener = createListener({ handler: hello, clock: systemClock });
    await expect(
      listener.listen([
        { host: '127.0.0.1', port: 0 },
        { host: '127.0.0.1', port },
      ]),
    ).rejects.toMatchObject({ code: 'EADDRINUSE' });
    expect(listener.connections).toBe(0);
    blocker.close();
  });
});

describe('closing', () => {
  test('does not wait for connections that never asked for anything', async () => {
    const { listener, port } = await start(hello);
    const silent = open(port);
    const half = open(port);
    half.write('GET / HTTP/1.1\r\nHost');
    await pollUntil(() => listener.connections === 2);
    const closed = Promise.all([once(silent, 'close'), once(half, 'close')]);
    await listener.close({ drainMs: 1_000_000 });
    await closed;
    expect(listener.connections).toBe(0);
  });

  test('does not wait for connections that have been answered', async () => {
    const { listener, address } = await start(hello);
    const agent = keepAlive();
    await pull(address, '/', { agent });
    expect(listener.connections).toBe(1);
    await listener.close({ drainMs: 1_000_000 });
    expect(listener.connections).toBe(0);
  });

  test('lets an answer finish, whose connection then ends', async () => {
    const { handler, begun } = createHeldHandler({ withHead: true });
    const { listener, address } = await start(handler);
    const client = startPull(address, '/', { agent: keepAlive() });
    const response = await begun;
    await client.untilReceived(5);
    const closed = listener.close({ drainMs: 1_000_000 });
    response.end('world');
    expect(await client.done).toMatchObject({ isComplete: true, bytes: 10 });
    await closed;
    expect(listener.connections).toBe(0);
  });

  test('tells clients whose answers have not begun that the connection ends', async () => {
    const { handler, begun } = createHeldHandler({ withHead: false });
    const { listener, address } = await start(handler);
    const client = startPull(address, '/', { agent: keepAlive() });
    const response = await begun;
    const closed = listener.close({ drainMs: 1_000_000 });
    response.end('hello');
    expect(await client.done).toMatchObject({ isComplete: true, headers: { connection: 'close' } });
    await closed;
  });

  test('refuses new connections at once', async () => {
    const { handler, begun } = createHeldHandler({ withHead: true });
    const { listener, port, address } = await start(handler);
    const client = startPull(address, '/');
    const response = await begun;
    const closed = listener.close({ drainMs: 1_000_000 });
    const [error] = (await once(open(port), 'error')) as [NodeJS.ErrnoException];
    expect(error.code).toBe('ECONNREFUSED');
    response.end('world');
    await client.done;
    await closed;
  });

  test('cuts what still runs when the time is over', async () => {
    const clock = createManualClock();
    const { handler, begun } = createHeldHandler({ withHead: true });
    const { listener, address } = await start(handler, { clock });
    const client = startPull(address, '/');
    await begun;
    await client.untilReceived(5);
    const closed = listener.close({ drainMs: 60_000 });
    clock.advance(59_999);
    expect(listener.connections).toBe(1);
    clock.advance(1);
    expect(await client.done).toMatchObject({ isComplete: false });
    await closed;
    expect(clock.pending).toBe(0);
  });

  test('may be asked for more than once', async () => {
    const { listener } = await start(hello);
    await Promise.all([listener.close({ drainMs: 10 }), listener.close({ drainMs: 0 })]);
    await listener.close({ drainMs: 0 });
  });
});

describe('time limits', () => {
  test('headers that do not come end the connection, and nobody else waits for them', async () => {
    const { listener, port, address } = await start(hello, { headersTimeoutMs: 200 });
    const slow = open(port);
    slow.write('GET / HTTP/1.1\r\nX: ');
    const closed = once(slow.resume(), 'close');
    expect((await pull(address, '/')).status).toBe(200);
    await closed;
    await pollUntil(() => listener.connections === 0);
  });

  test('so do headers of which a byte comes now and then, and a connection that never says anything', async () => {
    const { port, address } = await start(hello, { headersTimeoutMs: 200 });
    const [slow, silent] = [open(port), open(port)];
    const closed = [slow, silent].map((socket) => once(socket.resume(), 'close'));
    slow.write('GET / HTTP/1.1\r\nX: ');
    const dripping = setInterval(() => slow.write('a'), 20);
    expect((await pull(address, '/')).status).toBe(200);
    await Promise.all(closed).finally(() => clearInterval(dripping));
  });
});

describe('the bound on connections', () => {
  test('closes one too many at once, and the others are served', async () => {
    const { handler, begun } = createHeldHandler({ withHead: true });
    const { listener, port, address } = await start(handler, { maxConnections: 1 });
    const client = startPull(address, '/');
    const response = await begun;
    const [hadError] = (await once(open(port).resume(), 'close')) as [boolean];
    expect({ hadError, connections: listener.connections }).toEqual({ hadError: false, connections: 1 });
    response.end('world');
    expect(await client.done).toMatchObject({ isComplete: true, bytes: 10 });
  });

  test('ends the longest idle connection before it turns anyone away', async () => {
    const { listener, address } = await start(hello, { maxConnections: 2 });
    const agents = [keepAlive(), keepAlive(), keepAlive()];
    for (const agent of agents) {
      expect(await pull(address, '/', { agent })).toMatchObject({ status: 200, isComplete: true });
    }
    await pollUntil(() => listener.connections === 2);
    const isConnected = ({ freeSockets }: Agent): boolean => Object.keys(freeSockets).length > 0;
    await pollUntil(() => agents.filter(isConnected).length === 2);
    expect(agents.map(isConnected)).toEqual([false, true, true]);
  });
});
