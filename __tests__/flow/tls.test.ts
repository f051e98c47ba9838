// Story: both listeners speak TLS, and a certificate is renewed while clients pull.
import { once } from 'node:events';
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { createSeededContent } from '../support/content.ts';
import { expectWhole } from '../support/expectations.ts';
import { setStage } from '../support/flow.ts';
import { createFakeTime, findFakeTimeLibrary } from '../support/fake-time.ts';
import { createGate } from '../support/gate.ts';
import { makeCertificate } from '../support/make-certificate.ts';
import { readMetric } from '../support/metrics.ts';
import { jsonOf, pull, startPull } from '../support/raw-client.ts';
import { blobGets } from '../support/scripted-upstream.ts';
import { pollUntil } from '../support/signal.ts';
import { authority } from '../unit/upstream/certificates.ts';

const stage = setStage();
const layer = createSeededContent('tls', 3_000_000);
const path = `/v2/team/app/blobs/${layer.digest}`;
const withinMs = 5_000;

const isMissing = findFakeTimeLibrary() === undefined;
const ends: (() => Promise<void>)[] = [];
let directory = '';
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'stowage-listener-'));
});
afterEach(async () => {
  await rm(directory, { recursive: true });
  for (const end of ends.splice(0)) await end();
});

async function place(name: string, text: string): Promise<string> {
  const file = join(directory, name);
  await writeFile(`${file}.new`, text);
  await rename(`${file}.new`, file);
  return file;
}

async function setUp(clients: object = {}, env: Readonly<Record<string, string>> = {}) {
  const first = await makeCertificate('first');
  const install = async ({ cert, key }: typeof first) => ({
    certFile: await place('tls.crt', cert),
    keyFile: await place('tls.key', key),
  });
  const tls = { ...(await install(first)), ...clients };
  const upstream = await stage.upstream();
  upstream.registry.addBlob('team/app', layer);
  const mirror = await stage.mirror(upstream, { tls, admin: { tls } }, env);
  return { upstream, mirror, first, install };
}

describe('a renewed certificate', () => {
  test('is served within 5 s at both listeners, and a pull that runs does not notice', async () => {
    const { upstream, mirror, first, install } = await setUp();
    const gate = createGate();
    upstream.once(blobGets, { holdBody: { after: 1_000_000, gate } });
    const pulling = startPull(mirror.address, path, { ca: first.cert });
    await pulling.untilReceived(500_000);
    const second = await makeCertificate('second');
    await install(second);
    const serves = async (address: string, target: string): Promise<boolean> =>
      (await pull(address, target, { ca: second.cert })).status === 200;
    await pollUntil(() => serves(mirror.address, '/v2/'), { deadlineMs: withinMs, what: 'the mirror to renew' });
    await pollUntil(() => serves(mirror.adminAddress, '/livez'), { deadlineMs: withinMs, what: 'admin to renew' });
    gate.open();
    expectWhole(await pulling.done, layer);
    expectWhole(await pull(mirror.address, path, { ca: second.cert }), layer);
  });

  test('that does not fit its key changes nothing, and is told', async () => {
    const { mirror, first, install } = await setUp();
    await place('tls.crt', (await makeCertificate('second')).cert);
    const told = async (): Promise<string> => (await pull(mirror.adminAddress, '/readyz')).body.toString();
    await pollUntil(async () => (await told()).includes('tls cannot be used (keyFile: expected the key of'));
    await pollUntil(async () => (await told()).includes('admin.tls cannot be used'));
    expect((await pull(mirror.address, '/v2/', { ca: first.cert })).status).toBe(200);
    await mirror.untilLogged('files of the configuration cannot be used');
    await install(first);
    await pollUntil(async () => !(await told()).includes('cannot be used'));
  });
});

(isMissing ? describe.skip : describe)(`a certificate${isMissing ? ' (missing: libfaketime)' : ''}`, () => {
  test('that ends soon is told of at both listeners until it is renewed', async () => {
    const time = await createFakeTime();
    ends.push(() => time.close());
    time.setWall(Date.now() + 23 * 60 * 60_000);
    const { mirror, install } = await setUp({}, time.env);
    const told = async (): Promise<readonly string[]> => {
      const { degraded } = jsonOf(await pull(mirror.adminAddress, '/readyz'));
      return (degraded as { part: string }[]).map(({ part }) => part);
    };
    expect(await told()).toEqual(['tls.certFile', 'admin.tls.certFile']);
    await pollUntil(() => mirror.output.split('the certificate that is served ends').length === 3);
    await install(await makeCertificate('second', { days: 30 }));
    await pollUntil(async () => (await told()).length === 0);
  });
});

describe('a connection', () => {
  test('that never begins, or never ends, to agree on keys is dropped, and holds nobody up', async () => {
    const { mirror, first } = await setUp();
    const open = (address: string, bytes: string): Promise<unknown> => {
      // It stays when the other end says that there is no more to come.
      const socket = connect({ port: Number(new URL(address).port), host: '127.0.0.1', allowHalfOpen: true });
      socket.on('error', () => undefined).resume();
      socket.write(Buffer.from(bytes, 'hex'));
      ends.push(async () => void socket.destroy());
      return Promise.race([once(socket, 'end'), once(socket, 'close')]);
    };
    const addresses = [mirror.address, mirror.adminAddress];
    // Nothing, the beginning of a handshake of which the rest does not come, one that is none, and plain HTTP.
    const beginnings = [
      '',
      '1603010200010001fc',
      '16030102ff'.padEnd(2000, 'f'),
      Buffer.from('GET / ').toString('hex'),
    ];
    const dropped = addresses.flatMap((address) => beginnings.map((bytes) => open(address, bytes)));
    expect((await pull(mirror.address, '/v2/', { ca: first.cert })).status).toBe(200);
    // The time limit of handshakes.
    await Promise.all(dropped);
    await pollUntil(async () => (await readMetric(mirror.adminAddress, 'stowage_client_connections')) === 0);
  }, 30_000);
});

describe('client certificates', () => {
  test.each([
    ['optional', 200],
    ['required', 0],
  ])('that are %s: without one, %s', async (clientCerts, status) => {
    const { mirror } = await setUp({ clientCaFile: await place('ca.crt', authority), clientCerts });
    for (const [address, target] of [
      [mirror.address, '/v2/'],
      [mirror.adminAddress, '/livez'],
    ] as const) {
      expect((await pull(address, target)).status).toBe(200);
      expect((await pull(address, target, { certificate: 'none' })).status).toBe(status);
      expect((await pull(address, target, { certificate: await makeCertificate('foreign') })).status).toBe(0);
    }
    await pollUntil(() => /"clientCertificate":"CN=[^"]+"/.test(mirror.output));
  });

  test('plain HTTP gets an answer that says what is wrong', async () => {
    const { mirror } = await setUp();
    const pulled = await pull(mirror.address.replace('https', 'http'), '/v2/');
    expect(pulled.status).toBe(400);
    expect(pulled.body.toString()).toContain('use https');
  });
});
