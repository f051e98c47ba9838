// Story: what reaches the admin listener by way of browsers, bodies and names that others have chosen.
import { describe, expect, test } from '@jest/globals';
import { cliClock } from '../../src/cli/clock.ts';
import { ask, askToChange } from '../support/admin-client.ts';
import { setStage } from '../support/flow.ts';
import { pull } from '../support/raw-client.ts';
import { exchangeRaw } from '../support/raw-exchange.ts';
import { imageManifest } from '../support/registry-content.ts';
import { mediaTypes } from '../../src/oci/media-type.ts';
import { run } from '../unit/cli/run.ts';

const stage = setStage();

describe('a page of another site', () => {
  test('can neither change nor read anything, by whatever a browser sends for it', async () => {
    const upstream = await stage.upstream();
    const image = upstream.registry.addImage('team/app', 'v1', ['a layer']);
    const { address, adminAddress } = await stage.mirror(upstream);
    await pull(address, '/v2/team/app/manifests/v1');
    const body = '{"references":["team/app:v1"]}';
    const own = new URL(adminAddress).host;
    const json = { 'content-type': 'application/json' };
    const forms = [
      'application/x-www-form-urlencoded',
      'multipart/form-data; boundary=x',
      'text/plain',
      'application/jsonp',
    ];
    const attempts: readonly Readonly<Record<string, string>>[] = [
      ...forms.map((type) => ({ 'content-type': type })),
      { 'content-type': 'text/plain; application/json' },
      { 'content-type': 'application/json-patch+json' },
      // A name that leads here (DNS rebinding), and such as begin or end like ours.
      ...[
        'evil.example',
        `evil.example:${new URL(adminAddress).port}`,
        `${own}.evil.example`,
        '127.0.0.1.nip.io',
        'localhost.',
        '0.0.0.0',
        '[::]',
      ].map((host) => ({ ...json, host })),
      ...[
        'https://evil.example',
        'null',
        `${adminAddress}.evil.example`,
        `http://evil.example@${own}`,
        'file://',
        `${adminAddress}/`,
      ].map((origin) => ({ ...json, origin })),
      { ...json, origin: adminAddress, 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' },
    ];
    for (const headers of attempts) {
      const { status } = await ask(adminAddress, '/api/v1/purge', { method: 'POST', headers, body });
      expect([headers, [403, 415].includes(status)]).toEqual([headers, true]);
    }
    for (const host of ['evil.example', 'localhost.evil.example']) {
      for (const path of ['/', '/api/v1/status', '/api/v1/events', '/metrics', '/livez']) {
        expect([path, (await ask(adminAddress, path, { headers: { host } })).status]).toEqual([path, 403]);
      }
    }
    // What a page asks before it may send more: nobody says yes.
    const preflight = { origin: 'https://evil.example', 'access-control-request-method': 'POST' };
    const asked = await ask(adminAddress, '/api/v1/purge', { method: 'OPTIONS', headers: preflight });
    expect(Object.keys(asked.headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
    const twoHosts = `GET /api/v1/status HTTP/1.1\r\nHost: evil.example\r\nHost: ${own}\r\nConnection: close\r\n\r\n`;
    expect(await exchangeRaw(adminAddress, twoHosts)).not.toContain('uptimeSeconds');
    expect((await pull(address, '/v2/team/app/manifests/v1')).digest).toBe(image.digest);
    const { items } = (await ask(adminAddress, '/api/v1/images')).json as { items: readonly object[] };
    expect(items).toHaveLength(1);
  });
});

describe('a body', () => {
  test('that is too large, too deep, or named like something of JavaScript is refused, and nothing is the worse for it', async () => {
    const upstream = await stage.upstream();
    const { adminAddress } = await stage.mirror(upstream);
    const deep = '['.repeat(250_000) + ']'.repeat(250_000);
    const objects = '{"a":'.repeat(100_000) + '1' + '}'.repeat(100_000);
    const bodies: readonly (readonly [string, number])[] = [
      [`{"references":["team/app"],"platforms":${deep}}`, 400],
      [`{"references":${deep}}`, 400],
      [`{"references":["team/app"],"platforms":${objects}}`, 400],
      ['['.repeat(900_000), 400],
      [`{"references":["${'a'.repeat(1_100_000)}"]}`, 413],
      [`{"references":["${'a'.repeat(900_000)}"]}`, 400],
      [`{"references":[${'"a",'.repeat(5_000)}"a"]}`, 400],
      ['{"references":["A"],"__proto__":{"isAdmin":true}}', 400],
      ['{"references":["A"],"constructor":{"prototype":{"isAdmin":true}}}', 400],
      ['{"__proto__":{"references":["team/app"]}}', 400],
      ['{"references":{"length":1,"0":"team/app"}}', 400],
      ['{"references":["team/app"],"platforms":["__proto__/x"]}', 400],
      ['\ufeff{}', 400],
      ['', 400],
    ];
    const headers = { 'content-type': 'application/json' };
    for (const [body, expected] of bodies) {
      const { status, text, json } = await ask(adminAddress, '/api/v1/pull', { method: 'POST', headers, body });
      expect([body.slice(0, 60), status]).toEqual([body.slice(0, 60), expected]);
      expect(json).toMatchObject({ error: expect.any(String) });
      // What was sent does not come back by the megabyte.
      expect(text.length).toBeLessThan(1000);
    }
    expect(await ask(adminAddress, '/api/v1/jobs')).toMatchObject({ status: 200, json: { items: [] } });
  });

  test('never comes near a file: names of images are names of images', async () => {
    const upstream = await stage.upstream();
    const { adminAddress } = await stage.mirror(upstream);
    const names = [
      '../../etc/passwd',
      'a/../b',
      'a/%2e%2e/b',
      '/etc/passwd',
      'a\0b',
      'sha256:../../x',
      `a@sha256:../../${'a'.repeat(64)}`,
      'file:///etc/passwd',
    ];
    for (const name of names) {
      for (const path of ['/api/v1/purge', '/api/v1/pull', '/api/v1/verify']) {
        const { status } = await askToChange(adminAddress, path, { references: [name] });
        expect([path, name, status]).toEqual([path, name, 400]);
      }
      expect((await ask(adminAddress, `/api/v1/image?reference=${encodeURIComponent(name)}`)).status).toBe(400);
    }
    expect(upstream.requests).toEqual([]);
  });
});

describe('what an image says of itself', () => {
  test('is text to the API and a harmless line on a terminal', async () => {
    const upstream = await stage.upstream();
    const odd = '<img src=x onerror=alert(1)>\u001b]0;owned\u0007\u202e\n';
    const config = upstream.registry.addBlob('team/app', JSON.stringify({ os: odd, architecture: odd }));
    const layer = upstream.registry.addBlob('team/app', 'a layer');
    const manifest = imageManifest(config, [layer]) as { layers: object[] };
    manifest.layers[0] = { ...manifest.layers[0], mediaType: odd, annotations: { [odd]: odd } };
    const inner = upstream.registry.addManifest('team/app', manifest);
    const platform = { os: odd, architecture: odd, variant: odd };
    const entry = { mediaType: mediaTypes.ociManifest, digest: inner.digest, size: inner.bytes.length, platform };
    const index = { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [entry], annotations: { [odd]: odd } };
    upstream.registry.addManifest('team/app', index, { tag: 'v1', mediaType: mediaTypes.ociIndex });
    const { address, adminAddress } = await stage.mirror(upstream);
    const paths = ['manifests/v1', `manifests/${inner.digest}`, `blobs/${config.digest}`, `blobs/${layer.digest}`];
    for (const path of paths) expect((await pull(address, `/v2/team/app/${path}`)).status).toBe(200);
    const shown = await ask(adminAddress, '/api/v1/image?reference=team/app:v1');
    expect(shown).toMatchObject({ status: 200, headers: { 'content-type': 'application/json' } });
    expect(JSON.stringify(shown.json)).toContain('onerror');
    expect(shown.headers).toMatchObject({ 'x-content-type-options': 'nosniff' });
    for (const argv of [
      ['ls'],
      ['ls', '--json'],
      ['ls', 'team/app:v1'],
      ['status'],
      ['verify', 'team/app:v1'],
      ['pull', 'team/app:v1', '--platform', 'all'],
    ]) {
      const { stdout, stderr } = await run([...argv, '--admin', adminAddress], { clock: cliClock });
      expect(`${stdout}${stderr}`).not.toMatch(/(?!\n)[\p{Cc}\p{Cf}]/u);
    }
  });
});

describe('a secret', () => {
  test('is in no answer of the API', async () => {
    const tokens = await stage.tokens({ login: 'someone:planted-password', privateRepositories: ['team/closed'] });
    const upstream = await stage.upstream({ tokens });
    const blob = upstream.registry.addBlob('team/closed', 'closed');
    const login = {
      username: 'someone',
      passwordEnv: 'PLANTED',
      shareCredentials: true,
      authHosts: [`127.0.0.1:${tokens.port}`],
    };
    const mirror = await stage.mirror(
      [{ upstream, name: 'registry.test', ...login }],
      {},
      { PLANTED: 'planted-password' },
    );
    expect((await pull(mirror.address, `/v2/team/closed/blobs/${blob.digest}`)).status).toBe(200);
    const planted = ['planted-password', Buffer.from('someone:planted-password').toString('base64'), ...tokens.tokens];
    for (const path of [
      'status',
      'history',
      'fills',
      'images',
      'repositories',
      'pins',
      'jobs',
      'client-setup',
      'openapi.json',
    ]) {
      const { status, text } = await ask(mirror.adminAddress, `/api/v1/${path}`);
      expect(status).toBe(200);
      for (const secret of planted) expect(text).not.toContain(secret);
    }
  });
});
