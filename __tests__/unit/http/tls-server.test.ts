import type { RequestListener } from 'node:http';
import { Agent } from 'node:https';
import { connect } from 'node:tls';
import { afterEach, describe, expect, test } from '@jest/globals';
import type { ConnectionRule } from '../../../src/http/client-connections.ts';
import { createListener, type Listener } from '../../../src/http/listener.ts';
import type { ListenerTls } from '../../../src/http/tls-server.ts';
import { systemClock } from '../../../src/telemetry/clock.ts';
import { makeCertificate } from '../../support/make-certificate.ts';
import { pull, startPull } from '../../support/raw-client.ts';
import { pollUntil } from '../../support/signal.ts';
import { authority, serverCertificate, serverKey } from '../upstream/certificates.ts';

const opened: Listener[] = [];
afterEach(async () => {
  await Promise.all(opened.splice(0).map((listener) => listener.close({ drainMs: 0 })));
});

const hello: RequestListener = (_request, response) => void response.end('hello');

async function start(clientCerts: ListenerTls['clientCerts'], handler = hello, clients?: ConnectionRule) {
  const listeners: (() => void)[] = [];
  let context: ListenerTls['context'] = { cert: serverCertificate, key: serverKey, ca: authority };
  const tls: ListenerTls = {
    clientCerts,
    get context() {
      return context;
    },
    onChange: (listener) => void listeners.push(listener),
  };
  const replace = (next: ListenerTls['context']): void => {
    context = next;
    for (const tell of listeners) tell();
  };
  const listener = createListener({ handler, clock: systemClock, tls, ...(clients && { clients }) });
  opened.push(listener);
  const [bound] = await listener.listen([{ host: '127.0.0.1', port: 0 }]);
  const port = bound?.port ?? 0;
  return { listener, replace, port, address: `https://127.0.0.1:${port}` };
}

describe('a listener with TLS', () => {
  test('is what its certificate says', async () => {
    const { address } = await start('none');
    expect(await pull(address, '/', { ca: authority })).toMatchObject({ status: 200, isComplete: true, bytes: 5 });
  });

  test('tells plain HTTP that it speaks TLS', async () => {
    const { port, listener } = await start('none');
    const pulled = await pull(`http://127.0.0.1:${port}`, '/v2/');
    expect(pulled.status).toBe(400);
    expect(pulled.body.toString()).toContain('https');
    await pollUntil(() => listener.connections === 0);
  });

  test('counts a connection once, and forgets it when it is over', async () => {
    let response: Parameters<RequestListener>[1] | undefined;
    const { address, listener } = await start('none', (_request, given) => {
      response = given;
      given.write('hello');
    });
    const pulling = startPull(address, '/');
    await pulling.untilReceived(5);
    expect(listener.connections).toBe(1);
    response?.end();
    await pulling.done;
    await pollUntil(() => listener.connections === 0);
  });

  test('takes an idle connection from a client that has too many', async () => {
    const refused: string[] = [];
    const rule = { limitOf: () => 1, onRefused: (address: string) => void refused.push(address) };
    const { address, listener } = await start('none', hello, rule);
    const agents = [new Agent({ keepAlive: true }), new Agent({ keepAlive: true })];
    for (const agent of agents) expect((await pull(address, '/', { agent })).status).toBe(200);
    await pollUntil(() => listener.connections === 1);
    expect(refused).toEqual([]);
    for (const agent of agents) agent.destroy();
  });

  test('lets go of who never says hello', async () => {
    const { port, listener } = await start('none');
    const { connect: connectPlainly } = await import('node:net');
    const socket = connectPlainly(port, '127.0.0.1');
    await pollUntil(() => listener.connections === 1);
    await listener.close({ drainMs: 0 });
    expect(listener.connections).toBe(0);
    socket.destroy();
  });

  test('ends running answers first', async () => {
    let response: Parameters<RequestListener>[1] | undefined;
    const { address, listener } = await start('none', (_request, given) => {
      response = given;
      given.write('hello');
    });
    const pulling = startPull(address, '/');
    await pulling.untilReceived(5);
    const closing = listener.close({ drainMs: 10_000 });
    response?.end(' again');
    expect(await pulling.done).toMatchObject({ isComplete: true, bytes: 11 });
    await closing;
  });

  test('speaks nothing older than TLS 1.2', async () => {
    const { port } = await start('none');
    const options = { host: '127.0.0.1', port, rejectUnauthorized: false, ciphers: 'DEFAULT:@SECLEVEL=0' };
    const socket = connect({ ...options, minVersion: 'TLSv1', maxVersion: 'TLSv1.1' });
    const error = await new Promise((resolve) => {
      socket.once('error', resolve);
      socket.once('secureConnect', () => resolve(undefined));
    });
    socket.destroy();
    expect(error).toBeDefined();
  });

  test('shows another certificate to new connections, and leaves those that there are alone', async () => {
    let response: Parameters<RequestListener>[1] | undefined;
    const { address, replace } = await start('none', (request, given) => {
      if (request.url !== '/slow') return void given.end('hello');
      response = given;
      given.write('hello');
    });
    const pulling = startPull(address, '/slow', { ca: authority });
    await pulling.untilReceived(5);
    const next = await makeCertificate('next');
    replace(next);
    expect(await pull(address, '/', { ca: next.cert })).toMatchObject({ status: 200, isComplete: true });
    response?.end(' again');
    expect(await pulling.done).toMatchObject({ isComplete: true, bytes: 11 });
  });
});

describe('client certificates', () => {
  test.each<[ListenerTls['clientCerts'], number, number, number]>([
    ['none', 200, 200, 200],
    ['optional', 200, 200, 0],
    ['required', 200, 0, 0],
  ])('that are %s: right %s, none %s, of another authority %s', async (clientCerts, right, none, foreign) => {
    const { address } = await start(clientCerts);
    const other = await makeCertificate('foreign');
    const statuses = [
      (await pull(address, '/')).status,
      (await pull(address, '/', { certificate: 'none' })).status,
      (await pull(address, '/', { certificate: other })).status,
    ];
    expect(statuses).toEqual([right, none, foreign]);
  });
});
