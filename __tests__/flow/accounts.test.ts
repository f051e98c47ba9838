// Story: the mirror has accounts, and who pulls needs one of them.
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { hashSync } from 'bcryptjs';
import { setStage } from '../support/flow.ts';
import type { MirrorProcess } from '../support/mirror-process.ts';
import { basic, jsonOf, pull, type Pulled } from '../support/raw-client.ts';
import { exchangeRaw } from '../support/raw-exchange.ts';
import { pollUntil } from '../support/signal.ts';

const stage = setStage();
const alice = `alice:${hashSync('wonderland', 6)}`;
const bob = `bob:${hashSync('builder', 6)}`;
const right = basic('alice', 'wonderland');
const pullsAs = 'alice:wonderland';

let directory = '';
const file = (): string => join(directory, 'htpasswd');
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'stowage-accounts-'));
  await writeFile(file(), `${alice}\n${bob}\n`);
});
afterEach(async () => {
  await rm(directory, { recursive: true });
});

async function replaceAccounts(text: string): Promise<void> {
  await writeFile(`${file()}.new`, text);
  await rename(`${file()}.new`, file());
}

async function setUp(login = pullsAs) {
  stage.plantSecret('wonderland');
  const upstream = await stage.upstream();
  const image = upstream.registry.addImage('team/app', 'latest', ['a layer']);
  const mirror = await stage.mirror(upstream, { clients: { accounts: { file: file() } } }, {}, { login });
  const [layer] = image.layers;
  const paths = [
    '/v2/',
    '/v2/team/app/manifests/latest',
    `/v2/team/app/manifests/${image.digest}`,
    `/v2/team/app/blobs/${layer?.digest}`,
    '/v2/team/app/tags/list',
    `/v2/team/app/referrers/${image.digest}`,
  ];
  return { upstream, mirror, paths };
}

/** With this Authorization, or without any; never that of the address. */
function ask({ address }: MirrorProcess, path: string, authorization?: string, method = 'GET'): Promise<Pulled> {
  const headers = authorization === undefined ? undefined : { authorization };
  return pull(address.replace(`${pullsAs}@`, ''), path, { method, ...(headers && { headers }) });
}

function expectRefused(pulled: Pulled, method: string): void {
  expect(pulled).toMatchObject({ status: 401, isComplete: true });
  expect(pulled.headers['www-authenticate']).toBe('Basic realm="Stowage", charset="UTF-8"');
  if (method === 'HEAD') return;
  expect(jsonOf(pulled)).toEqual({ errors: [{ code: 'UNAUTHORIZED', message: 'a login of this mirror is needed' }] });
}

describe('with accounts', () => {
  test('every route wants a right login, whether the cache has the answer or not', async () => {
    const { mirror, paths, upstream } = await setUp();
    for (const state of ['cold', 'cached', 'in memory']) {
      for (const path of paths) {
        for (const method of ['GET', 'HEAD']) {
          expectRefused(await ask(mirror, path, undefined, method), method);
          expectRefused(await ask(mirror, path, 'Bearer abc', method), method);
        }
      }
      if (state === 'cold') expect(upstream.requests).toHaveLength(0);
      for (const path of paths) {
        for (const method of ['GET', 'HEAD']) {
          const { status } = await ask(mirror, path, right, method);
          expect([state, method, path, status]).toEqual([state, method, path, 200]);
        }
      }
    }
    expectRefused(await ask(mirror, '/anything'), 'GET');
    expectRefused(await ask(mirror, '/registry.test/v2/team/app/manifests/latest'), 'GET');
  });

  test('wrong passwords and unknown names get the same answer, also where a hit is in memory', async () => {
    const { mirror, paths } = await setUp();
    const [, byTag = ''] = paths;
    for (let time = 0; time < 3; time += 1) expect((await ask(mirror, byTag, right)).status).toBe(200);
    const answers: object[] = [];
    for (const login of [basic('alice', 'wrong'), basic('mallory', 'wonderland'), basic('alice', 'builder')]) {
      const pulled = await ask(mirror, byTag, login);
      expectRefused(pulled, 'GET');
      const { date: _date, ...headers } = pulled.headers;
      answers.push({ headers, body: pulled.body.toString() });
    }
    expect(answers[1]).toEqual(answers[0]);
    expect(answers[2]).toEqual(answers[0]);
    await mirror.untilLogged('"user":"alice"');
    expect(mirror.output).not.toContain('mallory');
  });

  test('a password of a megabyte is refused unread', async () => {
    const { mirror } = await setUp();
    const long = basic('alice', 'wonderland'.repeat(100_000));
    const answer = await exchangeRaw(mirror.address, `GET /v2/ HTTP/1.1\r\nHost: m\r\nAuthorization: ${long}\r\n\r\n`);
    // What is still on its way when the connection is closed may take the answer along.
    expect(answer).toMatch(/^(HTTP\/1\.1 431 |$)/);
    expect((await ask(mirror, '/v2/', right)).status).toBe(200);
  });

  test('a changed file counts, and a bad one does not', async () => {
    const { mirror, paths } = await setUp();
    const [, byTag = ''] = paths;
    const statusOf = async (login: string): Promise<number> => (await ask(mirror, byTag, login)).status;
    expect(await statusOf(basic('bob', 'builder'))).toBe(200);
    await replaceAccounts(`${alice}\n`);
    await pollUntil(async () => (await statusOf(basic('bob', 'builder'))) === 401);
    expect(await statusOf(right)).toBe(200);
    await replaceAccounts(`${alice}\nbob:builder\n`);
    const isTold = async (): Promise<boolean> =>
      (await pull(mirror.adminAddress, '/readyz')).body.toString().includes('line 2: expected a bcrypt hash');
    await pollUntil(isTold);
    expect(await statusOf(right)).toBe(200);
    await replaceAccounts(`${alice}\n`);
    await pollUntil(async () => !(await isTold()));
  });

  test('who guesses is put off, while who is logged in goes on', async () => {
    const { mirror, paths } = await setUp();
    const [, byTag = ''] = paths;
    const guesses = Array.from({ length: 40 }, (_, index) => ask(mirror, byTag, basic('alice', `guess ${index}`)));
    const statuses = new Set((await Promise.all(guesses)).map(({ status }) => status));
    expect([...statuses].every((status) => [401, 429, 503].includes(status))).toBe(true);
    await pollUntil(async () => {
      const { status, headers } = await ask(mirror, byTag, basic('alice', `guess ${Math.random()}`));
      expect([401, 429]).toContain(status);
      if (status === 429) expect(Number(headers['retry-after'])).toBeGreaterThan(0);
      return status === 429;
    });
    expect((await ask(mirror, byTag, right)).status).toBe(200);
  });
});

describe('without accounts', () => {
  test('there is never a 401, whatever a client sends', async () => {
    const upstream = await stage.upstream();
    upstream.registry.addImage('team/app', 'latest', ['a layer']);
    const mirror = await stage.mirror(upstream);
    for (const login of [undefined, 'Basic', basic('alice', 'wrong'), 'Bearer abc']) {
      expect((await ask(mirror, '/v2/', login)).status).toBe(200);
      expect((await ask(mirror, '/v2/team/app/manifests/latest', login)).status).toBe(200);
    }
  });
});

describe('networks', () => {
  test('that are not allowed get no answer; from a proxy, the client behind it counts', async () => {
    const upstream = await stage.upstream();
    upstream.registry.addImage('team/app', 'latest', ['a layer']);
    const allow = ['127.0.0.1', '192.0.2.0/24'];
    const mirror = await stage.mirror(upstream, { clients: { allow, trustedProxies: ['127.0.0.1'] } });
    const statusFor = async (client: string): Promise<number> =>
      (await pull(mirror.address, '/v2/', { headers: { 'x-forwarded-for': client } })).status;
    expect(await statusFor('192.0.2.9')).toBe(200);
    expect(await statusFor('192.0.2.9, 198.51.100.1')).toBe(403);
    const denied = await pull(mirror.address, '/v2/', { headers: { forwarded: 'for=198.51.100.1' } });
    expect(jsonOf(denied)).toMatchObject({ errors: [{ code: 'DENIED' }] });
    await mirror.untilLogged('"client":"192.0.2.9"');
  });
});
