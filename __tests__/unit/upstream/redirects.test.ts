import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { blobDigest, blobReply, blobText, createGuarded, grantToken, manifestReply, tag } from './answers.ts';
import { createFixture, readAll, type Fixture } from './fixture.ts';

let fixture: Fixture;
beforeEach(() => {
  fixture = createFixture();
});
afterEach(async () => {
  await fixture.close();
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
      isFinal: true,
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
      isFinal: true,
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
