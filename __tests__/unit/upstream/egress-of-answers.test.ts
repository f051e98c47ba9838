import type { LookupAddress } from 'node:dns';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { startCanary, type Canary } from '../../support/canary.ts';
import type { Lookup } from '../../../src/upstream/options.ts';
import { createTransport } from '../../../src/upstream/transport.ts';
import { blobDigest, blobReply, blobText } from './answers.ts';
import { createFixture, readAll, type Fixture } from './fixture.ts';

let fixture: Fixture;
beforeEach(() => {
  fixture = createFixture();
});
afterEach(async () => {
  await fixture.close();
});

const redirectTo = (location: string) => ({ status: 307, headers: { location } });

describe('where answers may lead', () => {
  let canary: Canary;
  beforeEach(async () => {
    canary = await startCanary();
  });
  afterEach(async () => {
    expect(canary.connections).toBe(0);
    await canary.close();
  });

  const resolveTo = (...addresses: string[]): { lookup: Lookup; names: string[] } => {
    const names: string[] = [];
    return {
      names,
      lookup(hostname, _options, callback) {
        names.push(hostname);
        callback(
          null,
          addresses.map((address): LookupAddress => ({ address, family: address.includes(':') ? 6 : 4 })),
        );
      },
    };
  };

  const openTransport = (lookup: Lookup, egressAllow: readonly string[] = []) =>
    createTransport(
      { name: 'registry.test', urls: [], shareCredentials: false, egressAllow },
      new URL('https://registry.example.com/'),
      { ...fixture.context, lookup },
    );

  test.each(['127.0.0.1', '::1', '::ffff:127.0.0.1', '169.254.169.254', '10.0.0.1'])(
    'is judged by the address that a name has for the very socket: %s',
    async (address) => {
      const { lookup, names } = resolveTo(address);
      const transport = openTransport(lookup);
      const url = new URL(`http://cdn.example.net:${canary.port}/x`);
      await expect(transport.send({ url, method: 'GET', kind: 'blob', headers: {} })).rejects.toMatchObject({
        kind: 'upstream-failed',
      });
      expect(names).toEqual(['cdn.example.net']);
      expect(fixture.requests.at(-1)).toMatchObject({ result: 'refused' });
      await transport.close();
    },
  );

  test('is judged anew for each socket: a name that was public does not stay so', async () => {
    const outer = await fixture.serve(() => ({ status: 204, headers: { connection: 'close' } }), '127.0.0.3');
    let address = '127.0.0.3';
    const lookup: Lookup = (_hostname, _options, callback) => callback(null, [{ address, family: 4 }]);
    const transport = openTransport(lookup, ['127.0.0.3']);
    const ask = () =>
      transport.send({
        url: new URL(`http://cdn.example.net:${outer.port}/`),
        method: 'GET',
        kind: 'blob',
        headers: {},
      });
    const response = await ask();
    await readAll(response.body);
    address = '127.0.0.1';
    await expect(ask()).rejects.toMatchObject({ kind: 'upstream-failed' });
    expect(fixture.requests.map(({ result }) => result)).toEqual(['204', 'refused']);
    await transport.close();
  });

  test('is what is left of a name when its inner addresses are taken out', async () => {
    const inner = await fixture.serve(() => ({ status: 204 }), '127.0.0.3');
    const { lookup } = resolveTo('10.0.0.1', '127.0.0.1', '169.254.169.254', '127.0.0.3');
    const transport = openTransport(lookup, ['127.0.0.3']);
    const response = await transport.send({
      url: new URL(`http://cdn.example.net:${inner.port}/`),
      method: 'GET',
      kind: 'blob',
      headers: {},
    });
    expect([response.status, inner.requests.length]).toEqual([204, 1]);
    response.body.destroy();
    await transport.close();
  });

  test('may be inside where the operator lists it', async () => {
    const inner = await fixture.serve(() => ({ status: 204 }));
    const transport = openTransport(resolveTo().lookup, [`127.0.0.1:${inner.port}`]);
    const response = await transport.send({ url: new URL(inner.url), method: 'GET', kind: 'blob', headers: {} });
    expect(response.status).toBe(204);
    response.body.destroy();
    await transport.close();
  });

  test('may be inside where the registry itself is', async () => {
    const storage = await fixture.serve(blobReply, '127.0.0.2');
    const registry = await fixture.serve(() => redirectTo(`${storage.url}/x`));
    const blob = await fixture.open(registry.url).openBlob('a', blobDigest);
    expect((await readAll(blob.body)).toString()).toBe(blobText);
  });
});
