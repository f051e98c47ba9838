import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { RecordedRequest } from '../../support/raw-server.ts';
import { createGuarded, grantToken, manifestReply, tag, type GuardedOptions } from './answers.ts';
import { createFixture, type Fixture } from './fixture.ts';

const caller = { key: 'key-of-caller', session: 1, username: 'caller', password: 'planted-p4ssword' };
const basic = `Basic ${Buffer.from('caller:planted-p4ssword').toString('base64')}`;

let fixture: Fixture;
beforeEach(() => {
  fixture = createFixture();
});
afterEach(async () => {
  await fixture.close();
});

const grantByLogin = (request: RecordedRequest) =>
  request.headers['authorization'] === undefined ? grantToken('token-anybody') : grantToken('token-caller');

async function serve(options: GuardedOptions = {}) {
  const server = await fixture.serve(createGuarded({ grant: grantByLogin, ...options }));
  const upstream = fixture.open({ url: server.url });
  const tokenRequests = () => server.requests.filter(({ target }) => target.startsWith('/token'));
  return { server, upstream, tokenRequests };
}

describe('an upstream as a caller', () => {
  test('is asked with that login alone, and what it brings is restricted', async () => {
    const { upstream, tokenRequests } = await serve();
    const view = upstream.as(caller);
    expect(view.account).toBe(caller.key);
    expect((await view.getManifest('a', tag)).provenance).toBe('restricted');
    expect((await upstream.getManifest('a', tag)).provenance).toBe('public');
    expect(tokenRequests().map(({ headers }) => headers['authorization'])).toEqual([basic, undefined]);
  });

  test('uses a token in its session, and gets a new one in the next', async () => {
    const { upstream, tokenRequests } = await serve();
    await upstream.as(caller).headManifest('a', tag);
    await upstream.as(caller).headManifest('a', tag);
    expect(tokenRequests()).toHaveLength(1);
    await upstream.as({ ...caller, session: 2 }).headManifest('a', tag);
    expect(tokenRequests()).toHaveLength(2);
  });

  test('whose login is refused is denied, which is not the mirror’s fault', async () => {
    const { upstream } = await serve({
      grant: (request) =>
        request.headers['authorization'] === undefined ? grantToken('token-anybody') : { status: 401 },
      isAllowed: () => false,
    });
    const failure = upstream.as(caller).headManifest('a', tag);
    await expect(failure).rejects.toMatchObject({ isDenial: true, isFinal: true, isLoginRefused: false });
    expect(fixture.health.degraded).toEqual([]);
  });

  test('that is limited stops nobody else', async () => {
    const { upstream } = await serve({
      content: ({ headers }) =>
        headers['authorization'] === 'Bearer token-caller'
          ? { status: 429, headers: { 'retry-after': '30' } }
          : manifestReply,
    });
    await expect(upstream.as(caller).headManifest('a', tag)).rejects.toMatchObject({ kind: 'upstream-throttled' });
    await expect(upstream.as({ ...caller, session: 2 }).headManifest('a', tag)).rejects.toMatchObject({
      kind: 'upstream-throttled',
    });
    expect((await upstream.headManifest('a', tag)).provenance).toBe('public');
  });
});
