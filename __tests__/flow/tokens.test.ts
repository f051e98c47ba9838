// Story: logins and tokens towards upstream: few of them, renewed in time, and shown to nobody else.
import { describe, expect, test } from '@jest/globals';
import { createSeededContent } from '../support/content.ts';
import { expectError, expectWhole } from '../support/expectations.ts';
import type { Fault } from '../support/fault.ts';
import { mainName, setStage } from '../support/flow.ts';
import { createGate } from '../support/gate.ts';
import { pull, startPull } from '../support/raw-client.ts';
import { blobGets, type UpstreamOptions } from '../support/scripted-upstream.ts';
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

describe('a token', () => {
  test('that expires during a fill is renewed once, unseen by the client', async () => {
    const { tokens, upstream } = await setUp();
    const mirror = await stage.mirror(upstream);
    const gate = createGate();
    upstream.once(
      { ...blobGets, when: (request) => request.headers['authorization'] !== undefined },
      { cut: { after: 2_000_000, by: 'FIN' }, holdBody: { after: 1_000_000, gate } },
    );
    const pulling = startPull(mirror.address, path);
    await pulling.untilReceived(500_000);
    tokens.expireAll();
    const asked = tokens.requests.length;
    gate.open();
    expectWhole(await pulling.done, layer);
    expect(tokens.requests.length - asked).toBe(1);
    expect(upstream.bytesOf({ ...blobGets, when: (request) => request.status !== 401 })).toBeLessThanOrEqual(
      layer.sizeBytes * 1.05,
    );
  });

  test('that is never accepted ends in a refusal, without asking for more of them, and harms nobody else', async () => {
    const { tokens, upstream } = await setUp();
    const image = upstream.registry.addImage('team/app', 'latest', ['layer']);
    const mirror = await stage.mirror(upstream);
    const refusal: Fault = {
      status: 401,
      body: 'x'.repeat(200_000),
      headers: { 'www-authenticate': tokens.challengeFor('team/app', 'no-token') },
    };
    const refusing = upstream.always({ path: 'team/app' }, refusal);
    for (let round = 0; round < 20; round += 1) {
      const pulled = await pull(mirror.address, `/v2/team/app/manifests/${image.digest}`);
      expect([403, 404]).toContain(pulled.status);
      expect(pulled.headers['www-authenticate']).toBeUndefined();
    }
    expect(tokens.requests.length).toBeLessThanOrEqual(20 * 2);
    refusing.remove();
    expect(await pull(mirror.address, `/v2/team/app/manifests/${image.digest}`)).toMatchObject({
      status: 200,
      digest: image.digest,
    });
  });

  test('is asked for once by a hundred requests, whoever of them leaves', async () => {
    const { tokens, upstream } = await setUp();
    const blobs = Array.from({ length: 100 }, (_, i) => upstream.registry.addBlob('team/app', `blob ${i}`));
    const mirror = await stage.mirror(upstream);
    const gate = createGate();
    tokens.once({}, { hold: gate });
    const pulls = blobs.map((blob) => startPull(mirror.address, `/v2/team/app/blobs/${blob.digest}`));
    await gate.reached;
    pulls[0]?.abort();
    gate.open();
    const answers = await Promise.all(pulls.map((pulling) => pulling.done));
    for (const [i, blob] of blobs.entries()) {
      const answer = answers[i];
      if (i > 0 && answer !== undefined) expectWhole(answer, blob);
    }
    expect(tokens.requests).toHaveLength(1);
  });

  test.each<[string, Fault]>([
    ['fails', { status: 500, body: '{}' }],
    ['throttles', { status: 429, body: '{}', headers: { 'retry-after': '1' } }],
    ['is unreachable', { refuse: 'RST' }],
    ['talks nonsense', { status: 200, body: '<html>' }],
    ['gives neither token nor access_token', { status: 200, body: '{"expires_in":300}' }],
  ])('service that %s does not touch what is cached, and is no absence for the rest', async (_name, fault) => {
    const { tokens, upstream } = await setUp();
    const cached = upstream.registry.addBlob('team/app', 'cached');
    const other = upstream.registry.addBlob('team/other', 'other');
    const mirror = await stage.mirror(upstream);
    const cachedPath = `/v2/team/app/blobs/${cached.digest}`;
    expectWhole(await pull(mirror.address, cachedPath), cached);
    const broken = tokens.always({}, fault);
    tokens.expireAll();
    const asked = tokens.requests.length;
    expectWhole(await pull(mirror.address, cachedPath), cached);
    expect(tokens.requests).toHaveLength(asked);
    const uncached = await pull(mirror.address, `/v2/team/other/blobs/${other.digest}`);
    expect([429, 502, 503, 504]).toContain(uncached.status);
    broken.remove();
  });

  test('is asked for as the challenge says, however it is written', async () => {
    const { tokens, upstream } = await setUp();
    const mirror = await stage.mirror(upstream);
    const scope = 'repository:team/app:pull';
    const forms = [
      `Bearer realm="${tokens.realm}",service="${tokens.service}",scope="${scope}"`,
      `bearer Realm="${tokens.realm}" , Service="${tokens.service}", SCOPE="repository:team/app:pull,push"`,
      `Basic realm="x, y", Bearer realm="${tokens.realm}",service=${tokens.service},scope="${scope}"`,
      `Negotiate, Bearer service="${tokens.service}",realm="${tokens.realm}"`,
      `Bearer realm="${tokens.realm}",service="${tokens.service}",scope="repository:team/secret:pull,push repository:x:*",error="invalid_token"`,
    ];
    for (const [i, challenge] of forms.entries()) {
      const blob = upstream.registry.addBlob('team/app', `challenged ${i}`);
      tokens.expireAll();
      upstream.always(
        {
          path: blob.digest,
          when: (request) => tokens.judge(request.headers['authorization'], 'team/app') !== 'allowed',
        },
        { challenge },
      );
      expectWhole(await pull(mirror.address, `/v2/team/app/blobs/${blob.digest}`), blob);
    }
    for (const request of tokens.requests) {
      expect(new URLSearchParams(request.target.split('?')[1]).getAll('scope')).toEqual([scope]);
    }
  });

  test('challenge that makes no sense is a failure or a refusal, and harms nothing', async () => {
    const { upstream } = await setUp();
    const mirror = await stage.mirror(upstream);
    const nonsense = [
      '',
      'Bearer',
      'Bearer realm=',
      '"',
      'Bearer realm="unclosed',
      'a'.repeat(12_000),
      'Bearer realm="not a url"',
      ',,,=,"\\"',
    ];
    for (const [i, challenge] of nonsense.entries()) {
      const blob = upstream.registry.addBlob('team/app', `nonsense ${i}`);
      const confused = upstream.always({ path: blob.digest }, { challenge });
      const pulled = await pull(mirror.address, `/v2/team/app/blobs/${blob.digest}`);
      expect([403, 404, 502, 503]).toContain(pulled.status);
      expect(pulled.headers['www-authenticate']).toBeUndefined();
      confused.remove();
    }
  });
});

describe('a password', () => {
  test('is kept from a realm on another host, and the log names the key that would allow it', async () => {
    const { tokens, upstream } = await setUp({ privateRepositories: ['team/app'] });
    const mirror = await stage.mirror([{ upstream, name: mainName, shareCredentials: true, ...login }], {}, env);
    const pulled = await pull(mirror.address, path);
    expect([403, 404, 502]).toContain(pulled.status);
    expect(tokens.find({ when: (request) => request.headers['authorization'] !== undefined })).toEqual([]);
    expect(mirror.output).toContain('authHosts');
  });

  test('is kept from a realm with a login in its address', async () => {
    const { tokens, upstream } = await setUp();
    const canary = await stage.canary();
    const mirror = await stage.mirror(
      [{ upstream, name: mainName, shareCredentials: true, ...login, authHosts: [`127.0.0.1:${tokens.port}`] }],
      {},
      env,
    );
    for (const realm of [
      `http://user:word@127.0.0.1:${canary.port}/token`,
      `ftp://127.0.0.1:${canary.port}/token`,
      `file:///etc/passwd`,
    ]) {
      const confused = upstream.always({ path: '/blobs/' }, { challenge: `Bearer realm="${realm}",service="x"` });
      expect([403, 404, 502]).toContain((await pull(mirror.address, path)).status);
      confused.remove();
    }
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
    expect(mirror.output).toContain('"msg"');
  });
});
