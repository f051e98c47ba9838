// Story: every route of the admin listener, by every method, for every kind of caller; those that the API describes are all
// walked, so that a new one cannot escape.
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { describeApi } from '../../src/admin/openapi.ts';
import { setStage } from '../support/flow.ts';
import { formatTable, walk, type Attempt } from '../support/locks.ts';
import { pull } from '../support/raw-client.ts';

const stage = setStage();
const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'PROPFIND'];
const isRead = (method: string): boolean => method === 'GET' || method === 'HEAD';
const basic = (text: string) => ({ authorization: `Basic ${Buffer.from(text).toString('base64')}` });

describe('on the admin listener', () => {
  /** Every path that the API describes, with something in place of its parameters. */
  const described = Object.entries(describeApi('test').paths).map(([path, operations]) => ({
    path: `/api/v1${path.replaceAll(/\{\w+\}/g, 'none')}`,
    methods: Object.keys(operations).map((method) => method.toUpperCase()),
  }));
  const undescribed = ['/api/v1', '/api/v1/', '/api/v1/nothing', '/api/v1/status/', '/api/v1/Status'];

  async function setUpAdmin() {
    const upstream = await stage.upstream();
    // The oracle reads the metrics afterwards; that they need the token by themselves is a unit test of access.
    const env = {
      STOWAGE__ADMIN__TOKEN_FILE: 'admin-token',
      STOWAGE__ADMIN__CREATE_TOKEN: 'true',
      STOWAGE__ADMIN__OPEN_METRICS: 'true',
    };
    const mirror = await stage.mirror(upstream, {}, env);
    const token = (await readFile(join(dirname(mirror.cachePath), 'admin-token'), 'utf8')).trim();
    stage.plantSecret(token);
    const bearer = (text: string) => ({ authorization: `Bearer ${text}` });
    const logins = { nobody: {}, 'a stranger': bearer(`${token.slice(0, -1)}.`), 'the owner': bearer(token) };
    return { address: mirror.adminAddress, token, logins };
  }

  /** No query and no body: what needs one says so. */
  function expectAnswer({ method, path }: Attempt): number {
    if (method === 'POST' && path === '/api/v1/verify') return 202;
    const known = described.find((one) => one.path === path)?.methods ?? [];
    const isKnown = known.includes(method) || (method === 'HEAD' && known.includes('GET'));
    if (!isKnown || path.includes('/none')) return 404;
    return method === 'POST' || path === '/api/v1/image' ? 400 : 200;
  }

  test('nothing of the API is for anybody but the owner of the token', async () => {
    const { address, logins } = await setUpAdmin();
    const routes = [...described.map(({ path }) => path), ...undescribed].map((path) => [path, path] as const);
    expect(routes.length).toBeGreaterThan(15);
    const walked = await walk(address, {
      logins,
      methods,
      routes,
      headers: { 'content-type': 'application/json' },
      isEndless: ({ method, path, caller }) => method === 'GET' && path.endsWith('/events') && caller === 'the owner',
    });
    const challenges = { nobody: 'Bearer', 'a stranger': 'Bearer error="invalid_token"' };
    const expected = walked.map(({ attempt }) => {
      const { caller } = attempt;
      const cache = 'no-store';
      if (caller !== 'the owner') return { attempt, seen: { status: 401, challenge: challenges[caller], cache } };
      return { attempt, seen: { status: expectAnswer(attempt), cache } };
    });
    expect(formatTable(walked)).toEqual(formatTable(expected));
    for (const { pulled, attempt } of walked) {
      expect(pulled.headers['access-control-allow-origin']).toBeUndefined();
      if (pulled.status === 401 && attempt.method !== 'HEAD') {
        expect(JSON.parse(pulled.body.toString())).toEqual({ error: expect.stringContaining('admin.tokenFile') });
      }
    }
  });

  test('health and open metrics are for everybody, and only to be read', async () => {
    const { address, logins } = await setUpAdmin();
    const routes = ['/livez', '/readyz', '/metrics'].map((path) => [path, path] as const);
    const walked = await walk(address, { logins, methods, routes });
    const expected = walked.map(({ attempt }) => {
      return { attempt, seen: { status: isRead(attempt.method) ? 200 : 404, cache: 'no-store' } };
    });
    expect(formatTable(walked)).toEqual(formatTable(expected));
  });

  test('a token counts where it belongs, and a path only as it is written', async () => {
    const { address, token, logins } = await setUpAdmin();
    const elsewhere = [
      { path: `/api/v1/status?token=${token}` },
      { path: `/api/v1/status?access_token=${token}` },
      { path: '/api/v1/status', headers: { cookie: `token=${token}` } },
      { path: '/api/v1/status', headers: { authorization: token } },
      { path: '/api/v1/status', headers: { authorization: `Bearer ${token} ${token}` } },
      { path: '/api/v1/status', headers: { authorization: `Bearer ${token}x` } },
      { path: '/api/v1/status', headers: { authorization: 'Bearer ' } },
      { path: '/api/v1/status', headers: { 'x-authorization': `Bearer ${token}` } },
      { path: '/api/v1/status', headers: basic(`x:${token}`) },
      { path: '/api/v1/status', headers: { 'x-forwarded-for': '127.0.0.1', 'x-real-ip': '127.0.0.1' } },
      { path: '/api/v1/status', headers: { 'x-original-url': '/livez', 'x-http-method-override': 'HEAD' } },
    ];
    for (const { path, headers = {} } of elsewhere) {
      expect([path, headers, (await pull(address, path, { headers })).status]).toEqual([path, headers, 401]);
    }
    const shapes = ['/API/v1/status', '//api/v1/status', '/api//v1/status', '/livez/../api/v1/status'];
    const encoded = [
      '/api%2fv1/status',
      '/api/v1/%73tatus',
      '/%61pi/v1/status',
      '/api/v1;x/status',
      '/livez/api/v1/status',
    ];
    for (const path of [...shapes, ...encoded]) {
      const { status, body } = await pull(address, path);
      expect([path, [400, 401, 404].includes(status)]).toEqual([path, true]);
      expect(body.toString()).not.toContain('uptimeSeconds');
    }
    expect((await pull(address, '/api/v1/status', { headers: logins['the owner'] })).status).toBe(200);
  });
});
