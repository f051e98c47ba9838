// Story: what is secret goes where the operator sent it, and nowhere else.
import { describe, expect, test } from '@jest/globals';
import { createSeededContent } from '../support/content.ts';
import { expectError, expectWhole } from '../support/expectations.ts';
import { mainName, setStage } from '../support/flow.ts';
import { createGate } from '../support/gate.ts';
import { pull, startPull } from '../support/raw-client.ts';
import { type UpstreamOptions } from '../support/scripted-upstream.ts';
import type { TokenServerOptions } from '../support/token-server.ts';

const stage = setStage();
const layer = createSeededContent('tokens', 30_000_000);
const path = `/v2/team/app/blobs/${layer.digest}`;
const login = { username: 'someone', passwordEnv: 'PLANTED' };
const env = { PLANTED: 'planted-password' };
const basic = Buffer.from('someone:planted-password').toString('base64');

async function setUp(tokenOptions: TokenServerOptions = {}, upstreamOptions: UpstreamOptions = {}) {
  stage.plantSecret(basic);
  const tokens = await stage.tokens({ login: 'someone:planted-password', ...tokenOptions });
  const upstream = await stage.upstream({ tokens, ...upstreamOptions });
  upstream.registry.addBlob('team/app', layer);
  return { tokens, upstream };
}

describe('a password', () => {
  test('is kept from a realm on another host, and the log names the key that would allow it', async () => {
    const { tokens, upstream } = await setUp({ privateRepositories: ['team/app'] });
    const mirror = await stage.mirror([{ upstream, name: mainName, shareCredentials: true, ...login }], {}, env);
    const pulled = await pull(mirror.address, path);
    expect([403, 404, 502, 503]).toContain(pulled.status);
    expect(tokens.find({ when: (request) => request.headers['authorization'] !== undefined })).toEqual([]);
    await mirror.untilLogged('authHosts');
  });

  test('is kept from a realm with a login in its address', async () => {
    const { tokens, upstream } = await setUp();
    const canary = await stage.canary();
    const mirror = await stage.mirror(
      [{ upstream, name: mainName, shareCredentials: true, ...login, authHosts: [`127.0.0.1:${tokens.port}`] }],
      {},
      env,
    );
    const realms = [
      `http://user:word@127.0.0.1:${canary.port}/token`,
      `ftp://127.0.0.1:${canary.port}/token`,
      'file:///etc/passwd',
    ];
    const pulls = realms.map((realm, i) => {
      const blob = upstream.registry.addBlob('team/app', `lured ${i}`);
      upstream.always({ path: blob.digest }, { challenge: `Bearer realm="${realm}",service="x"` });
      return pull(mirror.address, `/v2/team/app/blobs/${blob.digest}`);
    });
    for (const { status } of await Promise.all(pulls)) expect([403, 404, 502, 503]).toContain(status);
    expect(canary.connections).toBe(0);
  });

  test('goes to a realm that the operator has listed, and opens what it may', async () => {
    const { tokens, upstream } = await setUp({ privateRepositories: ['team/app'] });
    const mirror = await stage.mirror(
      [{ upstream, name: mainName, shareCredentials: true, ...login, authHosts: [`127.0.0.1:${tokens.port}`] }],
      {},
      env,
    );
    expectWhole(await pull(mirror.address, path), layer);
    expect(tokens.find({ when: (request) => request.headers['authorization'] === `Basic ${basic}` })).toHaveLength(1);
  });

  test('serves its own upstream only, though another is at the same address', async () => {
    const { tokens, upstream } = await setUp({ privateRepositories: ['team/app'] });
    const mirror = await stage.mirror(
      [
        { upstream, name: mainName },
        { upstream, name: 'private.test', shareCredentials: true, ...login, authHosts: [`127.0.0.1:${tokens.port}`] },
      ],
      {},
      env,
    );
    expectWhole(await pull(mirror.address, `${path}?ns=private.test`), layer);
    const anonymous = await pull(mirror.address, path);
    expect([403, 404]).toContain(anonymous.status);
    expectWhole(await pull(mirror.address, `${path}?ns=private.test`), layer);
  });

  test('and whatever else the client sends stays here', async () => {
    const { tokens, upstream } = await setUp();
    const mirror = await stage.mirror(upstream);
    const headers = {
      authorization: 'Basic Y2xpZW50OnNlY3JldA==',
      cookie: 'client=secret',
      'x-api-key': 'client-secret',
      'proxy-authorization': 'Basic Y2xpZW50',
    };
    expectWhole(await pull(mirror.address, path, { headers }), layer);
    for (const request of [...upstream.requests, ...tokens.requests]) {
      expect(request.headers['authorization'] ?? '').not.toContain('Y2xpZW50');
      for (const name of ['cookie', 'x-api-key', 'proxy-authorization']) expect(request.headers[name]).toBeUndefined();
    }
    upstream.registry.addBlob('team/refused', 'x');
    upstream.always(
      { path: 'team/refused' },
      { status: 401, headers: { 'www-authenticate': 'Basic realm="upstream"' } },
    );
    const refused = await pull(mirror.address, `/v2/team/refused/blobs/${layer.digest.replace(/.$/, '0')}`);
    expect(refused.status).not.toBe(401);
    expect(refused.headers['www-authenticate']).toBeUndefined();
  });
});

describe('a redirect to another host', () => {
  test('carries no credentials', async () => {
    const cdn = await stage.cdn();
    const { tokens, upstream } = await setUp({ privateRepositories: ['team/app'] }, { cdn });
    const mirror = await stage.mirror(
      [{ upstream, name: mainName, shareCredentials: true, ...login, authHosts: [`127.0.0.1:${tokens.port}`] }],
      {},
      env,
    );
    expectWhole(await pull(mirror.address, path), layer);
    expect(cdn.requests.length).toBeGreaterThan(0);
    for (const request of cdn.requests) {
      for (const name of ['authorization', 'cookie', 'proxy-authorization'])
        expect(request.headers[name]).toBeUndefined();
    }
  });

  test('is asked for anew when its signed address has expired in the middle of a blob', async () => {
    const cdn = await stage.cdn();
    const { tokens, upstream } = await setUp({ privateRepositories: ['team/app'] }, { cdn });
    const mirror = await stage.mirror(
      [{ upstream, name: mainName, shareCredentials: true, ...login, authHosts: [`127.0.0.1:${tokens.port}`] }],
      {},
      env,
    );
    const gate = createGate();
    // The first of several pieces: the others are asked for where this one came from.
    cdn.once({}, { holdBody: { after: 1_000_000, gate } });
    const pulling = startPull(mirror.address, path);
    await pulling.untilReceived(500_000);
    cdn.expireAll();
    gate.open();
    expectWhole(await pulling.done, layer);
    const refused = cdn.requests.filter(({ status }) => status === 403);
    expect(refused.length).toBeGreaterThan(0);
    // The storage is strict: it answers 400 to whoever brings a login. Nobody asks twice at an address that has expired.
    expect(cdn.requests.filter(({ status }) => status === 400)).toEqual([]);
    expect(new Set(refused.map(({ target }) => target)).size).toBe(1);
  });

  test('that answers with a challenge of its own leads nobody astray', async () => {
    const cdn = await stage.cdn();
    const canary = await stage.canary();
    const { tokens, upstream } = await setUp({ privateRepositories: ['team/app'] }, { cdn });
    const mirror = await stage.mirror(
      [
        {
          upstream,
          name: mainName,
          shareCredentials: true,
          ...login,
          authHosts: [`127.0.0.1:${tokens.port}`, `127.0.0.1:${canary.port}`],
        },
      ],
      {},
      env,
    );
    const lure = cdn.always(
      {},
      { challenge: `Bearer realm="${canary.url}/token",service="lure",scope="repository:team/app:pull"` },
    );
    const pulled = await pull(mirror.address, path);
    expect(pulled.status === 200 && pulled.isComplete).toBe(false);
    expect(canary.connections).toBe(0);
    lure.remove();
  });
});

describe('a secret', () => {
  test('appears in no log, whatever fails', async () => {
    const cdn = await stage.cdn();
    const { tokens, upstream } = await setUp({ privateRepositories: ['team/app'] }, { cdn });
    const mirror = await stage.mirror(
      [
        { upstream, name: mainName },
        { upstream, name: 'private.test', shareCredentials: true, ...login, authHosts: [`127.0.0.1:${tokens.port}`] },
      ],
      { log: { level: 'debug' } },
      env,
    );
    stage.plantSecret('client-secret');
    for (const fault of [
      { status: 403 },
      { refuse: 'RST' },
      { status: 500 },
      { cut: { after: 1000, by: 'RST' } },
    ] as const) {
      cdn.once({}, fault);
      await pull(mirror.address, `${path}?ns=private.test&token=client-secret`, {
        headers: { authorization: 'Bearer client-secret' },
      });
    }
    const broken = tokens.always({}, { status: 401, body: '{"token":"planted-password"}' });
    tokens.expireAll();
    const other = upstream.registry.addBlob('team/other', 'other');
    expectError(await pull(mirror.address, `/v2/team/other/blobs/${other.digest}?ns=private.test`), 503, 'UNAVAILABLE');
    broken.remove();
    // The oracle looks for what was planted in everything the mirror wrote.
    await mirror.untilLogged('"msg"');
  });
});
