import { afterEach, expect, test } from '@jest/globals';
import type { ClientGate } from '../../../src/http/client-gate.ts';
import { MirrorError } from '../../../src/oci/errors.ts';
import { pull, startPull } from '../../support/raw-client.ts';
import { createFakeMirror } from './fake-mirror.ts';
import { serve, type Served } from './harness.ts';

let served: Served | undefined;
afterEach(async () => {
  await served?.close();
  served = undefined;
});

const needed = new MirrorError({ kind: 'login-required', message: 'a login is needed' });

async function setUp(refuse: ClientGate['refuse']) {
  const gate: ClientGate = { refuse, describe: () => ({ client: '192.0.2.1', user: 'alice' }) };
  const mirror = createFakeMirror({});
  served = await serve(mirror, { gate });
  return { served, mirror, address: served.address };
}

test('who is let in gets the answer, and the log says who it was', async () => {
  const { served: running, address } = await setUp(() => undefined);
  expect((await pull(address, '/v2/')).status).toBe(200);
  const [line] = await running.untilReported(1);
  expect(line?.fields).toMatchObject({ client: '192.0.2.1', user: 'alice', status: 200 });
});

test('who is refused gets the error, and the log says why', async () => {
  const { served: running, address } = await setUp(() => needed);
  expect(await pull(address, '/v2/')).toMatchObject({ status: 401, isComplete: true });
  const [line] = await running.untilReported(1);
  expect(line?.fields).toMatchObject({ status: 401, path: '/v2/', error: 'login-required' });
});

test('a connection goes on after a 401, and ends after other refusals and with a body', async () => {
  const { address } = await setUp(({ url }) =>
    url === '/v2/' ? needed : new MirrorError({ kind: 'client-denied', message: 'not for you' }),
  );
  const headerOf = async (path: string, headers = {}) => (await pull(address, path, { headers })).headers['connection'];
  const untold = await headerOf('/v2/');
  expect(await headerOf('/v2/', { 'content-length': '0' })).toBe(untold);
  expect(await headerOf('/v2/other')).toBe('close');
  expect((await pull(address, '/v2/', { method: 'POST', headers: { 'content-length': '5' } })).headers).toMatchObject({
    connection: 'close',
  });
});

test('a bug while a login is checked lets nobody in', async () => {
  const { address } = await setUp(() => Promise.reject(new TypeError('a bug')));
  expect((await pull(address, '/v2/')).status).toBe(500);
});

test('who leaves while a login is checked starts nothing', async () => {
  const checking = Promise.withResolvers<undefined>();
  const begun = Promise.withResolvers<void>();
  const {
    served: running,
    mirror,
    address,
  } = await setUp(() => {
    begun.resolve();
    return checking.promise;
  });
  const pulling = startPull(address, '/v2/o/r/manifests/v1');
  await begun.promise;
  pulling.abort();
  await pulling.done;
  await running.untilIdle();
  checking.resolve(undefined);
  await checking.promise;
  await new Promise((resolve) => setImmediate(resolve));
  expect(mirror.ledger.calls).toHaveLength(0);
});

test('connections from elsewhere are closed before anything is read', async () => {
  const { served: running, address } = await setUp(() => undefined);
  running.admitPeers(false);
  expect((await pull(address, '/v2/')).status).toBe(0);
  running.admitPeers(true);
  expect((await pull(address, '/v2/')).status).toBe(200);
});
