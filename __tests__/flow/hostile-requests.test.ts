// Story: requests that are made to confuse: where one ends and the next begins, who is meant, what is repeated.
import { describe, expect, test } from '@jest/globals';
import { ambiguousShapes } from '../support/ambiguous-requests.ts';
import { expectError, expectWhole } from '../support/expectations.ts';
import { setStage } from '../support/flow.ts';
import { pull } from '../support/raw-client.ts';
import { exchangeRaw, hasWholeAnswer } from '../support/raw-exchange.ts';

const stage = setStage();

/** A request that would be seen if it were taken for the next one. */
const smuggled = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: m\r\n\r\n`;
test('a request of unclear end brings nothing in behind it, on either listener', async () => {
  const upstream = await stage.upstream();
  const mirror = await stage.mirror(upstream);
  const get = 'GET /v2/ HTTP/1.1\r\nHost: m\r\n';
  const post = 'POST /api/v1/purge HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n';
  const tried = ambiguousShapes.map(async ([name, rest]) => {
    const pulled = await exchangeRaw(mirror.address, get + rest(smuggled('/v2/team/smuggled/manifests/latest')));
    const asked = await exchangeRaw(mirror.adminAddress, post + rest(smuggled('/api/v1/status')), (so) =>
      so.includes('uptimeSeconds'),
    );
    const answers = pulled.match(/HTTP\/1\.1 \d+/g)?.length ?? 0;
    return [name, answers <= 1, asked.includes('uptimeSeconds')];
  });
  expect(await Promise.all(tried)).toEqual(ambiguousShapes.map(([name]) => [name, true, false]));
  expect(upstream.requests).toEqual([]);
});

test('what comes behind a body that nobody reads is not looked at', async () => {
  const upstream = await stage.upstream();
  const mirror = await stage.mirror(upstream);
  const request = `GET /v2/ HTTP/1.1\r\nHost: m\r\nContent-Length: 5\r\n\r\nhello`;
  const received = await exchangeRaw(mirror.address, `${request}${smuggled('/v2/team/smuggled/manifests/latest')}`);
  expect(received.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 200']);
  expect(upstream.requests).toEqual([]);
});

describe('a header', () => {
  test('that names another host or another client changes nothing that is answered', async () => {
    const upstream = await stage.upstream();
    for (const tag of ['v1', 'v2', 'v3']) upstream.registry.addImage('team/app', tag, [tag]);
    const mirror = await stage.mirror(upstream);
    const path = '/v2/team/app/tags/list?n=1';
    const plain = await pull(mirror.address, path);
    expect(plain.headers['link']).toMatch(/^<\/v2\/team\/app\/tags\/list\?/);
    const tricks = {
      host: 'evil.example',
      'x-forwarded-host': 'evil.example',
      'x-forwarded-proto': 'gopher',
      'x-forwarded-prefix': '/evil.example',
      'x-original-url': '/v2/evil.example/manifests/latest',
      'x-rewrite-url': '/v2/evil.example/manifests/latest',
      'x-http-method-override': 'DELETE',
      forwarded: 'for=evil.example;host=evil.example;proto=gopher',
      'x-forwarded-for': '127.0.0.1, evil.example',
      // Those of one hop only: nothing may be taken off by naming it here.
      connection: 'close, Docker-Content-Digest, X-Content-Type-Options, Via',
      te: 'trailers, evil',
      'keep-alive': 'timeout=99999',
      'proxy-connection': 'keep-alive',
    };
    const tricked = await pull(mirror.address, path, { headers: tricks });
    expect(tricked).toMatchObject({ status: 200, body: plain.body });
    expect(tricked.headers['link']).toBe(plain.headers['link']);
    expect(JSON.stringify(tricked.headers)).not.toMatch(/evil|gopher/);
    const manifest = await pull(mirror.address, '/v2/team/app/manifests/v1', { headers: tricks });
    expect(manifest.headers).toMatchObject({
      'docker-content-digest': manifest.digest,
      'x-content-type-options': 'nosniff',
    });
    for (const { headers } of upstream.requests) {
      expect(JSON.stringify(headers)).not.toMatch(/evil|gopher/);
      expect(headers['host']).toBe(`127.0.0.1:${upstream.port}`);
    }
  });

  test('of any bytes is a word in the log at most, and one line of it', async () => {
    const upstream = await stage.upstream();
    const blob = upstream.registry.addBlob('team/app', 'a blob');
    const mirror = await stage.mirror(upstream, { log: { level: 'debug' } });
    const odd = `\x1b[31m\x80\x9b\xff","level":"fatal","planted":"yes`;
    const path = `/v2/team/app/blobs/${blob.digest}`;
    const head = `GET ${path} HTTP/1.1\r\nHost: m\r\nUser-Agent: ${odd.replace('\x1b', '')}\r\nRange: ${odd.slice(5)}\r\n`;
    const answer = await exchangeRaw(mirror.address, `${head}If-None-Match: ${odd.slice(5)}\r\n\r\n`, hasWholeAnswer);
    expect(answer).toMatch(/^HTTP\/1\.1 200 /);
    expectWhole(await pull(mirror.address, path), blob);
    const lines = mirror.output.split('\n').filter((line) => line.includes('fatal'));
    for (const line of lines) expect(JSON.parse(line)).not.toMatchObject({ planted: 'yes' });
    expect(mirror.output).not.toContain('\u001b');
  });
});

describe('a header of upstream', () => {
  test('that would begin another one in ours does not', async () => {
    const upstream = await stage.upstream();
    const image = upstream.registry.addImage('team/app', 'v1', ['a layer']);
    const mirror = await stage.mirror(upstream);
    const headers = {
      etag: '"a\u0001b"',
      'docker-content-digest': 'sha256:x%0d%0aSet-Cookie: a=b',
      warning: '299 - "upstream\u001b[31m says"',
      'oci-filters-applied': 'x%0d%0aSet-Cookie: a=b',
      link: '</v2/team/app/tags/list?last=a%0d%0aSet-Cookie:%20a=b>; rel="next"',
    };
    upstream.always({ path: '/team/app/' }, { headers });
    const targets = ['manifests/v1', 'tags/list?n=1', `referrers/${image.digest}`, `blobs/${image.layers[0]?.digest}`];
    for (const target of targets) {
      const answer = await exchangeRaw(mirror.address, smuggled(`/v2/team/app/${target}`), hasWholeAnswer);
      expect(answer).toMatch(/^HTTP\/1\.1 (200|502) /);
      const head = answer.slice(0, answer.indexOf('\r\n\r\n'));
      expect(head).not.toMatch(/^set-cookie/im);
      expect(head).not.toMatch(/[^\r\n\x20-\x7e]|upstream/);
    }
  });
});

describe('an answer that leads inside', () => {
  const inside = [
    'http://169.254.169.254/token',
    'http://10.255.255.1/token',
    'file:///etc/passwd',
    'gopher://127.0.0.1/x',
  ];

  test('is refused at once, however often it is asked for', async () => {
    const upstream = await stage.upstream();
    const mirror = await stage.mirror(upstream);
    for (const redirect of inside) {
      const blob = upstream.registry.addBlob('team/app', redirect);
      const rule = upstream.always({ path: blob.digest }, { redirect });
      for (let n = 1; n <= 2; n += 1) {
        const answer = await pull(mirror.address, `/v2/team/app/blobs/${blob.digest}`);
        expectError(answer, 502, 'UNAVAILABLE');
        expect(answer.body.toString()).not.toMatch(/169\.254|10\.255|passwd|gopher/);
        // Nothing is tried again: it would be refused again.
        expect(upstream.find({ path: blob.digest, method: 'GET' })).toHaveLength(n);
      }
      rule.remove();
    }
  });

  test('from a token service is not followed, and is no denial', async () => {
    const tokens = await stage.tokens();
    const upstream = await stage.upstream({ tokens });
    const mirror = await stage.mirror(upstream);
    for (const redirect of inside) {
      const blob = upstream.registry.addBlob(`team/app${inside.indexOf(redirect)}`, redirect);
      const rule = tokens.always({}, { redirect });
      const path = `/v2/team/app${inside.indexOf(redirect)}/blobs/${blob.digest}`;
      const { status } = await pull(mirror.address, path);
      expect([redirect, [502, 503].includes(status)]).toEqual([redirect, true]);
      rule.remove();
    }
  });

  test('such as a realm elsewhere gets no password, is asked for what anybody may have, and is told of', async () => {
    stage.plantSecret(Buffer.from('someone:planted-password').toString('base64'));
    const tokens = await stage.tokens({ login: 'someone:planted-password', privateRepositories: ['team/closed'] });
    const upstream = await stage.upstream({ tokens });
    const open = upstream.registry.addBlob('team/open', 'for anybody');
    const login = { username: 'someone', passwordEnv: 'PLANTED', shareCredentials: true };
    const mirror = await stage.mirror(
      [{ upstream, name: 'registry.test', ...login }],
      {},
      { PLANTED: 'planted-password' },
    );
    expectWhole(await pull(mirror.address, `/v2/team/open/blobs/${open.digest}`), open);
    expect(tokens.requests.length).toBeGreaterThan(0);
    for (const { headers, target } of tokens.requests) {
      expect(headers['authorization']).toBeUndefined();
      expect(target).not.toContain('planted-password');
    }
    await mirror.untilLogged('authHosts');
  });
});
