import type { LookupAddress } from 'node:dns';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import nock from 'nock';
import { startCanary, type Canary } from '../../support/canary.ts';
import type { Lookup } from '../../../src/upstream/connector.ts';
import { createTransport } from '../../../src/upstream/transport.ts';
import { blobDigest, blobReply, blobText, createGuarded, grantToken, manifestReply, tag } from './answers.ts';
import { createFixture, readAll, type Fixture } from './fixture.ts';

let fixture: Fixture;
beforeEach(() => {
  fixture = createFixture();
});
afterEach(async () => {
  await fixture.close();
  nock.cleanAll();
});

const redirectTo = (location: string, status = 307) => ({ status, headers: { location } });

describe('a redirect', () => {
  test('to another host takes neither token nor configured headers along', async () => {
    const cdn = await fixture.serve(blobReply);
    const registry = await fixture.serve(createGuarded({ content: () => redirectTo(`${cdn.url}/x?sig=s`) }));
    const upstream = fixture.open(
      {
        url: registry.url,
        login: { username: 'robot', password: { password: 'secret' } },
        headers: { 'x-api-key': 'planted', cookie: 'planted' },
      },
      { shareCredentials: true },
    );
    const blob = await upstream.openBlob('a', blobDigest);
    expect((await readAll(blob.body)).toString()).toBe(blobText);
    expect(registry.requests.at(-1)?.headers).toMatchObject({
      authorization: 'Bearer token-1',
      'x-api-key': 'planted',
    });
    expect(cdn.requests.map(({ target }) => target)).toEqual(['/x?sig=s']);
    expect(cdn.requests[0]?.headers).toEqual({
      host: `127.0.0.1:${cdn.port}`,
      connection: 'keep-alive',
      'accept-encoding': 'identity',
      'user-agent': 'stowage/1.2.3',
      via: '1.1 stowage-a1',
    });
  });

  test('that comes back to the registry does not bring the token back', async () => {
    const registry = await fixture.serve(
      createGuarded({
        content: ({ target }) => (target.startsWith('/back') ? manifestReply : redirectTo(`${cdn.url}/away`)),
        isAllowed: (header, { target }) => target.startsWith('/back') || header !== undefined,
      }),
    );
    const cdn = await fixture.serve(() => redirectTo(`${registry.url}/back`));
    await fixture.open(registry.url).headManifest('a', tag);
    expect(registry.requests.at(-1)?.headers).not.toHaveProperty('authorization');
  });

  test('within the registry keeps the token', async () => {
    const registry = await fixture.serve(
      createGuarded({
        content: ({ target }) =>
          target === '/artifacts-downloads/x?y=1' ? manifestReply : redirectTo('/artifacts-downloads/x?y=1', 302),
      }),
    );
    await fixture.open(registry.url).headManifest('a', tag);
    expect(registry.requests.at(-1)).toMatchObject({
      target: '/artifacts-downloads/x?y=1',
      headers: { authorization: 'Bearer token-1' },
    });
  });

  test('keeps the bytes of its path', async () => {
    const path = '/c//docker/registry/v2/%2Fx/a+b~c=(d)?sig=a%2Bb%3D&se=2026-01-01T00%3A00%3A00Z&sp=r';
    const cdn = await fixture.serve(blobReply);
    const registry = await fixture.serve(() => redirectTo(cdn.url + path));
    const blob = await fixture.open(registry.url).openBlob('a', blobDigest);
    await readAll(blob.body);
    expect(cdn.requests[0]?.target).toBe(path);
  });

  test('is followed five times and no more', async () => {
    const registry = await fixture.serve(({ target }) => redirectTo(`${target}x`, 301));
    await expect(fixture.open(registry.url).headManifest('a', tag)).rejects.toMatchObject({
      kind: 'upstream-failed',
      isFinal: false,
    });
    expect(registry.requests).toHaveLength(6);
  });

  test.each([
    ['nowhere', {}],
    ['over 8 kB', { location: `/${'x'.repeat(9_000)}` }],
    ['no URL', { location: 'http://[' }],
    ['another scheme', { location: 'file:///etc/passwd' }],
    ['with a user', { location: 'http://user:pw@127.0.0.1:1/' }],
  ])('to %s is a failure', async (_where, headers) => {
    const registry = await fixture.serve(() => ({ status: 302, headers }));
    await expect(fixture.open(registry.url).headManifest('a', tag)).rejects.toMatchObject({
      kind: 'upstream-failed',
      isFinal: false,
    });
  });

  test('that asks for a login gets none: neither the token nor one of its own realm', async () => {
    const evil = await fixture.serve(({ target }) =>
      target.startsWith('/token')
        ? grantToken('token-evil')
        : { status: 401, headers: { 'www-authenticate': `Bearer realm="http://127.0.0.1/token",service="s"` } },
    );
    const registry = await fixture.serve(createGuarded({ content: () => redirectTo(`${evil.url}/x`) }));
    const login = { username: 'robot', password: { password: 'secret' } };
    const upstream = fixture.open({ url: registry.url, login }, { shareCredentials: true });
    await expect(upstream.headManifest('a', tag)).rejects.toMatchObject({ kind: 'upstream-failed', isFinal: false });
    await expect(upstream.openBlob('a', blobDigest)).rejects.toMatchObject({ kind: 'upstream-failed', isFinal: false });
    expect(evil.requests.every(({ headers }) => headers['authorization'] === undefined)).toBe(true);
    expect(evil.requests.filter(({ target }) => target.startsWith('/token'))).toEqual([]);
  });
});

describe('where answers may lead', () => {
  let canary: Canary;
  beforeEach(async () => {
    canary = await startCanary();
  });
  afterEach(async () => {
    expect(canary.connections).toBe(0);
    await canary.close();
  });

  test('is never from https to http', async () => {
    nock('https://registry.example.com').head(/.*/).reply(307, '', { location: canary.url });
    await expect(fixture.open('https://registry.example.com').headManifest('a', tag)).rejects.toMatchObject({
      kind: 'upstream-failed',
    });
  });

  test.each(['127.0.0.1', '2130706433', '0x7f.1', '0', '[::ffff:127.0.0.1]', '[64:ff9b::7f00:1]', '[::]'])(
    'is no address of this machine: %s',
    async (host) => {
      nock('http://registry.example.com')
        .get(/.*/)
        .reply(307, '', { location: `http://${host}:${canary.port}/x` });
      await expect(fixture.open('http://registry.example.com').openBlob('a', blobDigest)).rejects.toMatchObject({
        kind: 'upstream-failed',
        isFinal: false,
      });
      expect(fixture.requests.at(-1)).toMatchObject({ kind: 'blob', result: 'refused' });
    },
  );

  test.each(['http://169.254.169.254/latest', 'http://10.0.0.1/', 'http://[fe80::1]/', 'http://[fd00::1]/'])(
    'is not %s',
    async (location) => {
      nock('http://registry.example.com').get(/.*/).reply(307, '', { location });
      await expect(fixture.open('http://registry.example.com').openBlob('a', blobDigest)).rejects.toMatchObject({
        kind: 'upstream-failed',
      });
      expect(fixture.requests.at(-1)).toMatchObject({ result: 'refused' });
    },
  );

  test('is no realm of this machine', async () => {
    nock('http://registry.example.com')
      .head(/.*/)
      .reply(401, '', { 'www-authenticate': `Bearer realm="${canary.url}/token",service="s"` });
    await expect(fixture.open('http://registry.example.com').headManifest('a', tag)).rejects.toMatchObject({
      kind: 'upstream-failed',
    });
    expect(fixture.requests.at(-1)).toMatchObject({ kind: 'token', result: 'refused' });
  });

  test('is no place inside by way of the token service', async () => {
    nock('http://registry.example.com')
      .head(/.*/)
      .reply(401, '', { 'www-authenticate': `Bearer realm="http://registry.example.com/token",service="s"` })
      .get(/^\/token/)
      .reply(302, '', { location: `${canary.url}/token` });
    await expect(fixture.open('http://registry.example.com').headManifest('a', tag)).rejects.toMatchObject({
      kind: 'upstream-failed',
    });
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
    const storage = await fixture.serve(blobReply);
    nock('http://registry.example.com')
      .get(/.*/)
      .reply(307, '', { location: `${storage.url}/x` });
    const upstream = fixture.open('http://registry.example.com', { egressAllow: [`127.0.0.1:${storage.port}`] });
    expect((await readAll((await upstream.openBlob('a', blobDigest)).body)).toString()).toBe(blobText);
  });

  test('may be inside where the registry itself is', async () => {
    const storage = await fixture.serve(blobReply, '127.0.0.2');
    const registry = await fixture.serve(() => redirectTo(`${storage.url}/x`));
    const blob = await fixture.open(registry.url).openBlob('a', blobDigest);
    expect((await readAll(blob.body)).toString()).toBe(blobText);
  });
});
