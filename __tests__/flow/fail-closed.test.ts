// Story: when nobody can say whether somebody may see a thing, nobody sees it.
import { describe, expect, test } from '@jest/globals';
import { expectError, expectWhole } from '../support/expectations.ts';
import type { Fault } from '../support/fault.ts';
import { mainName, setStage } from '../support/flow.ts';
import { createGate } from '../support/gate.ts';
import { pull, startPull } from '../support/raw-client.ts';

const stage = setStage();
const login = { username: 'someone', passwordEnv: 'PLANTED', shareCredentials: true };

async function setUp() {
  const tokens = await stage.tokens({ login: 'someone:planted-password', privateRepositories: ['team/secret'] });
  const upstream = await stage.upstream({ tokens });
  const secret = upstream.registry.addBlob('team/secret', 'a secret layer');
  upstream.registry.addImage('team/other', 'latest', ['another layer']);
  const entry = { ...login, authHosts: [`127.0.0.1:${tokens.port}`] };
  const mirror = await stage.mirror([{ upstream, name: mainName, ...entry }], {}, { PLANTED: 'planted-password' });
  const own = `/v2/team/secret/blobs/${secret.digest}`;
  const foreign = `/v2/team/other/blobs/${secret.digest}`;
  expectWhole(await pull(mirror.address, own), secret);
  return { tokens, upstream, secret, mirror, own, foreign };
}

const failures: readonly (readonly [string, Fault])[] = [
  ['answered 429', { status: 429, body: '{}', headers: { 'retry-after': '1' } }],
  ['answered 500', { status: 500, body: '{}' }],
  ['reset', { refuse: 'RST' }],
  ['answered by a web page', { status: 302, headers: { location: 'https://login.invalid/' }, body: '<html>' }],
];

describe('private content asked for through a repository that may not have it', () => {
  test.each(failures)('stays hidden while the question about it is %s', async (_name, fault) => {
    const { upstream, secret, mirror, own, foreign } = await setUp();
    const broken = upstream.always({ path: '/team/other/' }, fault);
    const pulled = await pull(mirror.address, foreign);
    expect([429, 502, 503, 504]).toContain(pulled.status);
    expect(pulled.digest).not.toBe(secret.digest);
    expect((await pull(mirror.address, foreign, { method: 'HEAD' })).status).not.toBe(200);
    expectWhole(await pull(mirror.address, own), secret);
    broken.remove();
    expect((await pull(mirror.address, foreign)).status).not.toBe(200);
  });

  test('stays hidden while nobody answers, and is absent when somebody does', async () => {
    const { upstream, mirror, own, secret, foreign } = await setUp();
    const gate = createGate();
    upstream.always({ path: '/team/other/' }, { hold: gate });
    const waiting = startPull(mirror.address, foreign);
    await gate.reached;
    expectWhole(await pull(mirror.address, own), secret);
    expect(waiting.received).toBe(0);
    gate.open();
    expectError(await waiting.done, 404, 'BLOB_UNKNOWN');
  });
});
