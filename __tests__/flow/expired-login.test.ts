// Story: our own login is not taken any more; nobody else is to blame, and nobody sees more for it.
import { describe, expect, test } from '@jest/globals';
import { expectError } from '../support/expectations.ts';
import { mainName, setStage } from '../support/flow.ts';
import { pull, type Pulled } from '../support/raw-client.ts';

const stage = setStage();
const login = { username: 'someone', passwordEnv: 'PLANTED' };
const env = { PLANTED: 'planted-password' };
const manifestOf = (repository: string): string => `/v2/team/${repository}/manifests/latest`;

async function setUp(entry: Readonly<Record<string, unknown>> = {}) {
  const tokens = await stage.tokens({ login: 'someone:planted-password', privateRepositories: ['team/private'] });
  const upstream = await stage.upstream({ tokens });
  const image = upstream.registry.addImage('team/app', 'latest', ['layer']);
  const fresh = upstream.registry.addImage('team/fresh', 'latest', ['fresh layer']);
  const hidden = upstream.registry.addImage('team/private', 'latest', ['private layer']);
  const authHosts = [`127.0.0.1:${tokens.port}`];
  const mirror = await stage.mirror(
    [{ upstream, name: mainName, ...login, authHosts, tagTtl: '1ms', ...entry }],
    {},
    env,
  );
  const ask = (path: string): Promise<Pulled> => pull(mirror.address, path);
  const expire = () => {
    tokens.expireAll();
    tokens.reset();
    return tokens.always({ hasAuthorization: true }, { status: 401, body: '{"details":"incorrect password"}' });
  };
  return { tokens, upstream, image, fresh, hidden, mirror, ask, expire };
}

describe('a login that has expired', () => {
  test.each([false, true])('(shared: %s) costs nobody what everybody may have', async (shareCredentials) => {
    const { tokens, image, fresh, mirror, ask, expire } = await setUp({ shareCredentials });
    expect((await ask(manifestOf('app'))).digest).toBe(image.digest);
    expire();
    for (let n = 0; n < 3; n++) {
      expect(await ask(manifestOf('app'))).toMatchObject({ status: 200, digest: image.digest });
      expect(await ask(manifestOf('fresh'))).toMatchObject({ status: 200, digest: fresh.digest });
    }
    // Accounts are locked for less than asking with a bad password again and again.
    expect(tokens.find({ hasAuthorization: true })).toHaveLength(1);
    const health = await pull(mirror.adminAddress, '/readyz');
    expect(health.status).toBe(200);
    expect(health.body.toString()).toMatch(/credentials of registry\.test rejected/);
  });

  test('hides what only the login could see, kept or not, as a failure', async () => {
    const { hidden, ask, expire } = await setUp({ shareCredentials: true });
    expect((await ask(manifestOf('private'))).digest).toBe(hidden.digest);
    expire();
    expectError(await ask(manifestOf('private')), 503, 'UNAVAILABLE');
    expectError(await ask('/v2/team/private/manifests/never-asked'), 503, 'UNAVAILABLE');
  });

  test('from the very beginning keeps nobody from public images', async () => {
    const { image, mirror, ask, expire } = await setUp({ shareCredentials: true });
    expire();
    expect(await ask(manifestOf('app'))).toMatchObject({ status: 200, digest: image.digest });
    expect((await ask(`/v2/team/app/blobs/${image.layers[0]?.digest}`)).status).toBe(200);
    expectError(await ask(manifestOf('private')), 503, 'UNAVAILABLE');
    expect((await pull(mirror.adminAddress, '/readyz')).body.toString()).toMatch(/credentials of registry\.test/);
  });
});

describe('a login that may see less than before', () => {
  test('hides the tag at once, though it is in the cache and not long checked', async () => {
    const { upstream, hidden, ask } = await setUp({ shareCredentials: true });
    expect((await ask(manifestOf('private'))).digest).toBe(hidden.digest);
    const denied = { status: 403, body: '{"errors":[{"code":"DENIED"}]}' };
    const taken = upstream.always({ path: '/team/private/' }, denied);
    expectError(await ask(manifestOf('private')), 403, 'DENIED');
    // An outage right after that does not bring it back.
    taken.remove();
    upstream.always({}, { refuse: 'RST' });
    expect((await ask(manifestOf('private'))).status).not.toBe(200);
  });
});
