import { describe, expect, test } from '@jest/globals';
import type { ApiRoutes } from '../../../src/admin/api-router.ts';
import type { Refusal } from '../../../src/telemetry/audit.ts';
import { ask, askToChange } from '../../support/admin-client.ts';
import { useAdminApp } from './serve.ts';

const start = useAdminApp();
const right = 'the-right-token-1';
const token = { matches: async (text: string) => await Promise.resolve(text === right) };
const bearer = { authorization: `Bearer ${right}` };

/** An API that counts what reaches it. */
function createApi() {
  const calls: string[] = [];
  const routes: ApiRoutes = (router) => {
    router.all('/x', (request, response) => {
      calls.push(request.method);
      response.json({});
    });
  };
  return { calls, api: [routes] };
}

describe('with a token', () => {
  test.each(['/api/v1/x', '/api/v1/openapi.json', '/api/v1/nothing', '/metrics'])('%s needs it', async (path) => {
    const { api, calls } = createApi();
    const address = await start({ token, api });
    const asked = await ask(address, path);
    expect([asked.status, asked.headers['www-authenticate']]).toEqual([401, 'Bearer']);
    expect(asked.json).toEqual({ error: expect.stringContaining('admin.tokenFile') });
    for (const authorization of [`Bearer ${right}x`, `Basic ${right}`, right, 'Bearer', `Bearer ${right} x`]) {
      expect((await ask(address, path, { headers: { authorization } })).status).toBe(401);
    }
    expect(calls).toEqual([]);
    expect((await ask(address, path, { headers: bearer })).status).not.toBe(401);
    expect((await ask(address, path, { headers: { authorization: `bearer  ${right}` } })).status).not.toBe(401);
  });

  test.each(['/livez', '/readyz', '/'])('%s does not need it', async (path) => {
    expect((await ask(await start({ token }), path)).status).not.toBe(401);
  });

  test('metrics may be left open, and nothing else', async () => {
    const address = await start({ token, hasOpenMetrics: true, ...createApi() });
    expect((await ask(address, '/metrics')).status).toBe(200);
    expect((await ask(address, '/api/v1/x')).status).toBe(401);
  });
});

describe('with a guard', () => {
  const auth = (text: string) => ({ headers: { authorization: `Bearer ${text}` } });

  async function startGuarded(verdict: 'right' | 'wrong' | { readonly retryAfterMs: number }) {
    const settled: object[] = [];
    const refusals: Refusal[] = [];
    const settle = async (given: object, address: string) => {
      settled.push({ ...given, address });
      return await Promise.resolve(verdict);
    };
    const audit = { refused: (refusal: Refusal) => void refusals.push(refusal) };
    const address = await start({ token, tokenGuard: { settle, audit }, ...createApi() });
    return { address, settled, refusals };
  }

  test('what it says of a token counts, and who is refused is told of', async () => {
    const { address, settled, refusals } = await startGuarded('wrong');
    expect((await ask(address, '/api/v1/x', auth('wrong'))).status).toBe(401);
    expect((await ask(address, '/metrics', auth(right))).status).toBe(401);
    const from = '127.0.0.1';
    expect(settled).toEqual([
      { text: 'wrong', isRight: false, address: from },
      { text: right, isRight: true, address: from },
    ]);
    const refusal = { reason: 'token', client: from, rule: 'admin.tokenFile' };
    expect(refusals).toEqual([refusal, refusal]);
  });

  test('who has guessed too often is told when to come again', async () => {
    const { address, refusals } = await startGuarded({ retryAfterMs: 1_001 });
    const { status, headers, json } = await ask(address, '/api/v1/x', auth('wrong'));
    expect([status, headers['retry-after'], headers['www-authenticate']]).toEqual([429, '2', undefined]);
    expect(json).toEqual({ error: 'too many wrong tokens came from this address' });
    expect(refusals).toHaveLength(1);
  });

  test('it is told of nobody who brings no token, nor of who is let in', async () => {
    const { address, settled, refusals } = await startGuarded('right');
    for (const headers of [{}, { authorization: 'Basic YTpi' }, { authorization: 'Bearer' }]) {
      expect((await ask(address, '/api/v1/x', { headers })).status).toBe(401);
    }
    expect(settled).toEqual([]);
    expect((await ask(address, '/api/v1/x', auth(right))).status).toBe(200);
    expect(refusals).toEqual([]);
  });
});

describe('a change', () => {
  const own = { 'content-type': 'application/json' };
  const change = (address: string, headers: Record<string, string>) =>
    ask(address, '/api/v1/x', { method: 'POST', headers, body: '{}' });

  test.each([
    ['text/plain', 415],
    ['application/x-www-form-urlencoded', 415],
    ['application/jsonp', 415],
    ['', 415],
    ['application/json', 200],
    ['Application/JSON; charset=utf-8', 200],
  ])('of type %j gets %i', async (type, status) => {
    const { api } = createApi();
    expect((await change(await start({ api }), { 'content-type': type })).status).toBe(status);
  });

  test('without a type is not taken', async () => {
    const { api, calls } = createApi();
    const address = await start({ api });
    expect((await change(address, {})).status).toBe(415);
    expect((await ask(address, '/api/v1/x', { method: 'DELETE' })).status).toBe(415);
    expect(calls).toEqual([]);
  });

  test('from a page of our own is taken, also through a proxy that speaks TLS', async () => {
    const { api } = createApi();
    const address = await start({ api, hosts: ['admin.lan'] });
    expect((await change(address, { ...own, origin: address })).status).toBe(200);
    const proxied = { ...own, host: 'admin.lan', origin: 'https://Admin.LAN', 'sec-fetch-site': 'same-origin' };
    expect((await change(address, proxied)).status).toBe(200);
  });

  test.each(['https://evil.example', 'null', 'http://127.0.0.1:1', 'http://localhost', ''])(
    'with the Origin %j is refused',
    async (origin) => {
      const { api, calls } = createApi();
      expect((await change(await start({ api }), { ...own, origin })).status).toBe(403);
      expect(calls).toEqual([]);
    },
  );

  test('that the browser calls cross-site is refused, whatever else it says', async () => {
    const { api, calls } = createApi();
    const address = await start({ api });
    const asked = await change(address, { ...own, origin: address, 'sec-fetch-site': 'cross-site' });
    expect(asked.status).toBe(403);
    expect(calls).toEqual([]);
  });
});

test('reading is refused to foreign pages too, but a link may be followed', async () => {
  const { api } = createApi();
  const address = await start({ api });
  const read = async (headers: Record<string, string>) => (await ask(address, '/api/v1/x', { headers })).status;
  expect(await read({ 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors' })).toBe(403);
  expect(await read({ 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' })).toBe(200);
  expect(await read({ 'sec-fetch-site': 'same-origin', 'sec-fetch-mode': 'cors' })).toBe(200);
});

test.each(['/livez', '/metrics', '/api/v1/x', '/api/v1/nothing', '/', '/nothing', '/assets/nothing.js'])(
  'every answer keeps browsers in check: %s',
  async (path) => {
    const { api } = createApi();
    for (const headers of [{}, { host: 'evil.example' }]) {
      expect((await ask(await start({ api }), path, { headers })).headers).toMatchObject({
        'x-content-type-options': 'nosniff',
        'content-security-policy':
          "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
          "font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        'referrer-policy': 'no-referrer',
        'x-frame-options': 'DENY',
        'cross-origin-opener-policy': 'same-origin',
        'cross-origin-resource-policy': 'same-origin',
        'cache-control': 'no-store',
      });
    }
  },
);

test('a body that is no JSON, or too much, is the sender’s mistake', async () => {
  const address = await start(createApi());
  const post = { method: 'POST', headers: { 'content-type': 'application/json' } };
  expect(await ask(address, '/api/v1/x', { ...post, body: '{' })).toMatchObject({
    status: 400,
    json: { error: 'the body is not valid JSON' },
  });
  expect((await askToChange(address, '/api/v1/x', { x: 'x'.repeat(1_100_000) })).status).toBe(413);
});
