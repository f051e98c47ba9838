import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { startCanary } from '../../support/canary.ts';
import type { RecordedRequest } from '../../support/raw-server.ts';
import {
  blobDigest,
  createGuarded,
  grantToken,
  manifestReply,
  tag,
  blobReply,
  type GuardedOptions,
} from './answers.ts';
import { createFixture, readAll, type Fixture } from './fixture.ts';

const secret = 'planted-p4ssword';
const login = { username: 'robot', password: { password: secret } };
const basic = `Basic ${Buffer.from(`robot:${secret}`).toString('base64')}`;

let fixture: Fixture;
beforeEach(() => {
  fixture = createFixture();
});
afterEach(async () => {
  await fixture.close();
});

/** Tokens say whose they are. */
const grantByLogin = (request: RecordedRequest) =>
  request.headers['authorization'] === undefined ? grantToken('token-anybody') : grantToken('token-robot');

const rows = (requests: readonly RecordedRequest[]) =>
  requests.map(
    ({ method, target, headers }) => `${method} ${target.replace(/\?.*/, '')} ${headers['authorization'] ?? '-'}`,
  );

async function serve(options: GuardedOptions, shareCredentials: boolean) {
  const server = await fixture.serve(createGuarded({ grant: grantByLogin, ...options }));
  return { server, upstream: fixture.open({ url: server.url, login }, { shareCredentials }) };
}

describe('a login that is not shared', () => {
  test('is used for the counted manifest of what anybody sees, and for nothing else', async () => {
    const { server, upstream } = await serve({}, false);
    const manifest = await upstream.getManifest('a', tag);
    const blob = await upstream.openBlob('a', blobDigest);
    await readAll(blob.body);
    expect([manifest.provenance, blob.provenance]).toEqual(['public', 'public']);
    expect(rows(server.requests)).toEqual([
      'HEAD /v2/a/manifests/latest -',
      'GET /token -',
      'HEAD /v2/a/manifests/latest Bearer token-anybody',
      'GET /v2/a/manifests/latest -',
      `GET /token ${basic}`,
      'GET /v2/a/manifests/latest Bearer token-robot',
      `GET /v2/a/blobs/${blobDigest} Bearer token-anybody`,
    ]);
  });

  test('shows nothing that only the login could see', async () => {
    const { server, upstream } = await serve(
      { isAllowed: (authorization) => authorization === 'Bearer token-robot' },
      false,
    );
    await expect(upstream.getManifest('a', tag)).rejects.toMatchObject({ kind: 'manifest-unknown', isFinal: true });
    await expect(upstream.headManifest('a', tag)).rejects.toMatchObject({ kind: 'manifest-unknown' });
    await expect(upstream.openBlob('a', blobDigest)).rejects.toMatchObject({ kind: 'blob-unknown', isFinal: true });
    expect(rows(server.requests).filter((row) => row.includes(basic) || row.includes('robot'))).toEqual([]);
  });

  test('that is refused costs the higher limit, nothing more', async () => {
    const { upstream } = await serve(
      {
        grant: ({ headers }) =>
          headers['authorization'] === undefined ? grantToken('token-anybody') : { status: 401 },
      },
      false,
    );
    await expect(upstream.getManifest('a', tag)).resolves.toMatchObject({ provenance: 'public' });
    expect(fixture.health.degraded).toEqual([
      { part: 'credentials:registry.test', reason: 'credentials of registry.test rejected' },
    ]);
  });
});

describe('a shared login', () => {
  test('goes with everything, and what it brings is restricted', async () => {
    const { server, upstream } = await serve({}, true);
    const manifest = await upstream.getManifest('a', tag);
    const blob = await upstream.openBlob('a', blobDigest);
    await readAll(blob.body);
    expect([manifest.provenance, blob.provenance]).toEqual(['restricted', 'restricted']);
    expect(rows(server.requests)).toEqual([
      'GET /v2/a/manifests/latest -',
      `GET /token ${basic}`,
      'GET /v2/a/manifests/latest Bearer token-robot',
      `GET /v2/a/blobs/${blobDigest} Bearer token-robot`,
    ]);
  });

  test('brings public content where nobody asked for it', async () => {
    const { upstream } = await serve({ isAllowed: () => true }, true);
    await expect(upstream.headManifest('a', tag)).resolves.toMatchObject({ provenance: 'public' });
  });

  test.each([
    ['a 401 after a fresh token', { isAllowed: () => false }],
    ['a 403', { content: () => ({ status: 403 }) }],
    ['a 403 of the token service', { grant: () => ({ status: 403 }) }],
  ])('that may not see the repository is denied: %s', async (_how, options) => {
    const { upstream } = await serve(options, true);
    await expect(upstream.headBlob('a', blobDigest)).rejects.toMatchObject({ kind: 'upstream-denied', isFinal: true });
  });

  test.each([401, 400])('that the token service answers with %i is left out, and health says so', async (status) => {
    let isBad = true;
    const { server, upstream } = await serve(
      {
        grant: (request) =>
          isBad && request.headers['authorization'] !== undefined ? { status } : grantByLogin(request),
      },
      true,
    );
    await expect(upstream.headManifest('a', tag)).resolves.toMatchObject({ provenance: 'public' });
    expect(fixture.health.degraded).toHaveLength(1);
    expect(rows(server.requests).at(-1)).toBe('HEAD /v2/a/manifests/latest Bearer token-anybody');

    await upstream.headManifest('b', tag);
    expect(rows(server.requests).filter((row) => row.includes(basic))).toHaveLength(1);

    isBad = false;
    fixture.clock.advance(60_000);
    await expect(upstream.headManifest('a', tag)).resolves.toMatchObject({ provenance: 'restricted' });
    expect(fixture.health.degraded).toEqual([]);
  });

  test('that is refused makes a denial no verdict: it is a failure', async () => {
    const { upstream } = await serve({ grant: () => ({ status: 401 }) }, true);
    await expect(upstream.headManifest('a', tag)).rejects.toMatchObject({ kind: 'upstream-paused', isFinal: false });
    await expect(upstream.headBlob('a', blobDigest)).rejects.toMatchObject({ kind: 'upstream-paused', isFinal: false });
  });
});

describe('a Basic upstream', () => {
  const serveBasic = async (isRight: (authorization: string | undefined) => boolean, refusal = 401) => {
    const server = await fixture.serve((request) => {
      const { authorization } = request.headers;
      if (isRight(authorization)) return request.target.includes('/blobs/') ? blobReply(request) : manifestReply;
      return {
        status: authorization === undefined ? 401 : refusal,
        headers: { 'www-authenticate': 'Basic realm="private, here"' },
      };
    });
    return { server, upstream: fixture.open({ url: server.url, login }, { shareCredentials: true }) };
  };

  test('gets the login when it asks, and from then on at once', async () => {
    const { server, upstream } = await serveBasic((authorization) => authorization === basic);
    await upstream.headManifest('a', tag);
    await expect(upstream.headBlob('a', blobDigest)).resolves.toMatchObject({ provenance: 'restricted' });
    expect(rows(server.requests)).toEqual([
      'HEAD /v2/a/manifests/latest -',
      `HEAD /v2/a/manifests/latest ${basic}`,
      `HEAD /v2/a/blobs/${blobDigest} ${basic}`,
    ]);
  });

  test.each([401, 400])('that answers the login with %i does not get it again', async (refusal) => {
    const { server, upstream } = await serveBasic(() => false, refusal);
    for (let n = 0; n < 3; n += 1) {
      await expect(upstream.headManifest('a', tag)).rejects.toMatchObject({ kind: 'upstream-paused', isFinal: false });
    }
    expect(rows(server.requests).filter((row) => row.includes(basic))).toHaveLength(1);
    expect(fixture.health.degraded).toHaveLength(1);
  });

  test('never gets a login that is not shared for what nobody sees', async () => {
    const { server } = await serveBasic((authorization) => authorization === basic);
    const upstream = fixture.open({ url: server.url, login });
    await expect(upstream.getManifest('a', tag)).rejects.toMatchObject({ kind: 'manifest-unknown', isFinal: true });
    expect(rows(server.requests)).toEqual(['HEAD /v2/a/manifests/latest -']);
  });
});

describe('the password', () => {
  test('never goes to a realm on another host; the log names the key to set', async () => {
    const evil = await fixture.serve(() => grantToken('token-evil'));
    const { upstream } = await serve({ challenge: () => `Bearer realm="${evil.url}/token",service="s"` }, true);
    await expect(upstream.headManifest('a', tag)).resolves.toMatchObject({ provenance: 'public' });
    expect(evil.requests).toHaveLength(1);
    expect(evil.requests[0]?.headers).not.toHaveProperty('authorization');
    expect(fixture.lines.join('\n')).toMatch(/authHosts/);
  });

  test('goes to a realm on another host that authHosts lists', async () => {
    const auth = await fixture.serve(grantByLogin);
    const server = await fixture.serve(
      createGuarded({ challenge: () => `Bearer realm="${auth.url}/token",service="s"` }),
    );
    const url = { url: server.url, login, authHosts: [`127.0.0.1:${auth.port}`] };
    const upstream = fixture.open(url, { shareCredentials: true });
    await expect(upstream.headManifest('a', tag)).resolves.toMatchObject({ provenance: 'restricted' });
    expect(auth.requests[0]?.headers['authorization']).toBe(basic);
  });

  test('does not follow a redirect of the token service to another host', async () => {
    const other = await fixture.serve(() => grantToken('token-other'));
    const { upstream } = await serve({ grant: () => ({ status: 302, headers: { location: `${other.url}/t` } }) }, true);
    await upstream.headManifest('a', tag);
    expect(other.requests[0]?.headers).not.toHaveProperty('authorization');
  });

  test.each(['http://robot@HOST/token', 'file:///etc/passwd', 'nonsense'])(
    'is not even thought of for realm %s',
    async (realm) => {
      const canary = await startCanary();
      const { upstream } = await serve(
        { challenge: () => `Bearer realm="${realm.replace('HOST', `127.0.0.1:${canary.port}`)}",service="s"` },
        true,
      );
      await expect(upstream.headManifest('a', tag)).rejects.toMatchObject({ kind: 'upstream-failed', isFinal: false });
      expect(canary.connections).toBe(0);
      await canary.close();
    },
  );

  test('is in no log line, error, metric or health reason', async () => {
    const failures: unknown[] = [];
    for (const options of [
      { isAllowed: () => false },
      { grant: () => ({ status: 401 }) },
      { grant: () => ({ status: 500 }) },
    ]) {
      const { upstream } = await serve(options, true);
      failures.push(await upstream.getManifest('a', tag).catch((error: unknown) => error));
    }
    const told =
      JSON.stringify([fixture.lines, fixture.requests, fixture.health.degraded]) + failures.map(String).join('\n');
    expect(told).not.toContain(secret);
    expect(told).not.toContain(basic.slice(6));
    expect(told).not.toContain('token-robot');
  });

  test('is read again when its file has changed, and the old token is dropped', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'stowage-login-'));
    const file = join(folder, 'password');
    await writeFile(file, 'first\n');
    const server = await fixture.serve(createGuarded());
    const upstream = fixture.open(
      { url: server.url, login: { username: 'robot', password: { file } } },
      { shareCredentials: true },
    );
    await upstream.headManifest('a', tag);
    await writeFile(file, 'second!\n');
    fixture.clock.advance(1_000);
    await upstream.headManifest('a', tag);
    const sent = server.requests
      .filter(({ target }) => target.startsWith('/token'))
      .map(({ headers }) => headers['authorization']);
    expect(sent.map((header) => Buffer.from(header?.slice(6) ?? '', 'base64').toString())).toEqual([
      'robot:first',
      'robot:second!',
    ]);
    await rm(folder, { recursive: true });
  });

  test.each([{ file: '/nonexistent/password' }, { env: 'STOWAGE_TEST_NO_SUCH_VARIABLE' }])(
    'that cannot be read is left out, and health says so: %j',
    async (password) => {
      const server = await fixture.serve(createGuarded({ grant: grantByLogin }));
      const upstream = fixture.open(
        { url: server.url, login: { username: 'robot', password } },
        { shareCredentials: true },
      );
      await expect(upstream.headManifest('a', tag)).resolves.toMatchObject({ provenance: 'public' });
      expect(fixture.health.degraded).toEqual([
        { part: 'credentials:registry.test', reason: 'the password of registry.test cannot be read' },
      ]);
    },
  );
});

test('tokens of one host are not shared between an URL with a login and one without', async () => {
  const server = await fixture.serve(createGuarded({ grant: grantByLogin }));
  const anybody = fixture.open(server.url);
  const robot = fixture.open({ url: server.url, login }, { shareCredentials: true });
  await robot.headManifest('a', tag);
  await anybody.headManifest('a', tag);
  await expect(anybody.headManifest('a', tag)).resolves.toMatchObject({ provenance: 'public' });
  expect(rows(server.requests).at(-1)).toBe('HEAD /v2/a/manifests/latest Bearer token-anybody');
});
