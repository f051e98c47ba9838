// What operators and their browsers send, and what is shown to them: API, events, logs, helpers.
import { afterAll, beforeAll, describe, expect } from '@jest/globals';
import fc from 'fast-check';
import { createServer, type Server } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { z } from 'zod';
import { ApiProblem, sendJson, type ApiRoutes } from '../../src/admin/api-router.ts';
import { createAdminApp } from '../../src/admin/app.ts';
import { parseBody, parseImageNames, references } from '../../src/admin/body.ts';
import { createHostCheck } from '../../src/admin/host-check.ts';
import { formatCursor, parseCursor, parseQuery, queryLimit, queryText } from '../../src/admin/query.ts';
import { toPrintable, formatJson } from '../../src/cli/text/printable.ts';
import { findLogin } from '../../src/compose/credential-helper.ts';
import { HtpasswdError, parseHtpasswd } from '../../src/config/htpasswd.ts';
import { createHealth } from '../../src/telemetry/health.ts';
import { redactText } from '../../src/telemetry/redact.ts';
import { createEventParser } from '../../src/ui/api/event-text.ts';
import { ask } from '../support/admin-client.ts';
import { anyText, expectNoPollution, fuzz, recordOf, textOf } from './fuzz.ts';

describe('the API', () => {
  const upstreams = [{ name: 'docker.io', aliases: ['hub'], isDefault: true }];
  const schema = z.strictObject({ references, platforms: z.unknown().optional() });
  const body = recordOf({
    references: fc.array(fc.oneof(fc.constant('alpine:3'), anyText(30)), { maxLength: 4 }),
    platforms: fc.constant('all'),
  });
  fuzz('takes a body as it is described, or names the field that is wrong', fc.oneof(body, fc.jsonValue()), (given) => {
    // As it arrives: through JSON, with members of any name of its own.
    const problem = problemOf(() =>
      parseImageNames(parseBody(schema, JSON.parse(JSON.stringify(given) ?? 'null')).references, upstreams),
    );
    if (problem !== undefined) expect(problem.field ?? '').toMatch(/^[^]{0,130}$/);
    expectNoPollution();
  });

  const query = z.strictObject({ search: queryText, limit: queryLimit, cursor: z.string().optional() });
  fuzz(
    'takes a query as it is described',
    textOf('search=', 'limit=', 'cursor=', '&', '=', '%', '%00', '__proto__=1', '200', 'a'),
    (text) => {
      problemOf(() => {
        const found = parseQuery(query, `/images?${text}`);
        expect(found.limit).toBeLessThanOrEqual(200);
        expect((found.search ?? '').length).toBeLessThanOrEqual(300);
      });
      expectNoPollution();
    },
  );

  const place = z.tuple([z.string(), z.int()]);
  fuzz(
    'gives cursors that it takes, and takes no others',
    fc.tuple(fc.string(), fc.maxSafeInteger(), anyText(40)),
    ([text, value, other]) => {
      expect(parseCursor(place, formatCursor([text, value]))).toEqual([text, value]);
      problemOf(() => expect(parseCursor(place, other)).toHaveLength(2));
    },
  );

  const hostWords = [
    'localhost',
    '127.0.0.1',
    '[::1]',
    ':',
    '5080',
    'evil.test',
    '.',
    '@',
    'admin.lan',
    ' ',
    'LOCALHOST',
    '127.',
  ];
  fuzz('is open to hosts that are ours', textOf(...hostWords), (host) => {
    const isOwn = createHostCheck(() => ['admin.lan'])(host, '::ffff:10.0.0.1');
    const [, name = ''] = /^(.*?)(?::\d+)?$/s.exec(host.toLowerCase()) ?? [];
    const ours = ['localhost', '[::1]', 'admin.lan', '10.0.0.1'];
    expect(isOwn).toBe(
      ours.includes(name) || (/^127(\.(25[0-5]|2[0-4]\d|1?\d?\d)){3}$/.test(name) && !/\.0\d/.test(name)),
    );
  });

  function problemOf(run: () => unknown): ApiProblem | undefined {
    try {
      run();
      return undefined;
    } catch (error) {
      if (!(error instanceof ApiProblem)) throw error;
      expect([400, 404]).toContain(error.status);
      return error;
    }
  }
});

describe('the admin listener', () => {
  let server: Server;
  let address: string;
  const routes: ApiRoutes = (router) => {
    router.post('/take', (request, response) => {
      parseBody(z.strictObject({ references }), request.body);
      sendJson(response, 200, { ok: true });
    });
  };
  beforeAll(async () => {
    const metrics = { render: async () => await Promise.resolve(''), contentType: 'text/plain' };
    const options = { metrics, health: createHealth(), isReady: () => true, hosts: [], hasOpenMetrics: false };
    server = createServer(createAdminApp({ ...options, token: undefined, pageDirectory: '/nowhere', api: [routes] }));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });

  const bodyText = fc.oneof(
    fc.json(),
    textOf('{', '}', '[', ']', '"references"', ':', '"a"', ',', '\\u0000', '"__proto__"', '1e999'),
  );
  const type = fc.constantFrom(
    'application/json',
    'application/json; charset=utf-8',
    'application/json; charset=utf-7',
    'application/json;',
  );
  const encoding = fc.constantFrom('identity', 'gzip', 'br', 'x');
  fuzz(
    'answers any body with a status of its own, never with a bug',
    fc.tuple(bodyText, type, encoding),
    async ([text, contentType, contentEncoding]) => {
      const headers = { 'content-type': contentType, 'content-encoding': contentEncoding };
      const { status, json } = await ask(address, '/api/v1/take', { method: 'POST', headers, body: text });
      expect([200, 400, 415]).toContain(status);
      if (status !== 200) expect(json).toEqual(expect.objectContaining({ error: expect.any(String) }));
      expectNoPollution();
    },
    300,
  );
});

describe('what is shown', () => {
  fuzz('on a terminal is one line that obeys nobody', anyText(80), (text) => {
    expect(toPrintable(text)).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u);
    expect(formatJson([text])).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}](?!$)/u);
    expect(JSON.parse(formatJson([text]))).toEqual([text]);
  });

  const secret = 'planted-secret-0123456789';
  const around = textOf('https://', '?', '&', ' ', '"', '/', 'a=', ',', ':');
  const announced = fc.constantFrom(
    `://user:${secret}@`,
    ` Bearer ${secret}`,
    `"token":"${secret}"`,
    `?sig=${secret}`,
    ` password=${secret}`,
  );
  fuzz('in a log holds no secret that is announced', fc.tuple(around, announced, around), ([before, marked, after]) => {
    expect(redactText(`${before}${marked}${after}`)).not.toContain(secret);
  });

  const line = fc.constantFrom(
    'event: a\n',
    'data: {"a":"\u2028"}\n',
    'data:x\r\n',
    ': here\n',
    '\n',
    'id\n',
    'data\n',
    'retry: 5\r',
    '\n\n',
  );
  fuzz(
    'on the page comes of events that read the same however they are cut',
    fc.tuple(fc.array(fc.oneof(line, anyText(10))), fc.array(fc.nat(200))),
    ([lines, cuts]) => {
      const text = `${lines.join('')}\n\n`;
      const places = [0, ...cuts.filter((cut) => cut < text.length).toSorted((a, b) => a - b), text.length];
      const whole = createEventParser()(text);
      const parse = createEventParser();
      expect(places.slice(1).flatMap((end, at) => parse(text.slice(places[at], end)))).toEqual(whole);
    },
  );

  fuzz('on the page is all that was sent', fc.string({ unit: 'binary' }), (text) => {
    const data = JSON.stringify({ text });
    expect(createEventParser()(`event: x\ndata: ${data}\n\n`)).toEqual([{ type: 'x', data }]);
  });
});

describe('a file of accounts', () => {
  const hash = `$2y$05$${'a'.repeat(53)}`;
  const words = ['alice', ':', hash, '$2y$', '05', '31', '\n', '\r\n', '#', ' ', '\0', hash.slice(0, -1)];
  fuzz('is names with hashes of a bearable cost, or tells its line and nothing of it', textOf(...words), (text) => {
    try {
      const { hashes, cost } = parseHtpasswd(text);
      expect([hashes.size > 0, cost >= 4, cost <= 14]).toEqual([true, true, true]);
      for (const user of hashes.keys()) expect(user).not.toMatch(/[:\p{Cc}]/u);
    } catch (error) {
      if (!(error instanceof HtpasswdError)) throw error;
      expect(error.message).not.toMatch(/alice|aaaa/);
    }
  });
});

describe('a credential helper', () => {
  const answer = recordOf({ ServerURL: fc.string(), Username: anyText(20), Secret: anyText(20) }).map((value) =>
    JSON.stringify(value),
  );
  fuzz('gives a name and a secret, or nothing', fc.oneof(answer, fc.json(), anyText(50)), (output) => {
    const login = findLogin(output);
    if (login !== undefined) expect([typeof login.username, login.secret.length > 0]).toEqual(['string', true]);
    expectNoPollution();
  });
});
