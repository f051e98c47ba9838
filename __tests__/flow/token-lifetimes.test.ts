// Story: token services of every kind: how long a token lasts is our own business, when theirs makes no sense.
import { describe, expect, test } from '@jest/globals';
import { expectError, expectWhole } from '../support/expectations.ts';
import { mainName, setStage } from '../support/flow.ts';
import { createGate } from '../support/gate.ts';
import { pull, type Pulled } from '../support/raw-client.ts';
import { pollUntil } from '../support/signal.ts';
import { expectFailure, setUpWarm } from '../support/warm.ts';

const stage = setStage();
const past = '1999-12-31T23:59:59Z';
const future = '2999-12-31T23:59:59Z';
const token = 'a-token-of-no-service';

/** What a service may answer, beside or in place of the token. */
const answers: readonly (readonly [string, object])[] = [
  ['no lifetime', { token }],
  ['a lifetime of nothing', { token, expires_in: 0 }],
  ['a lifetime below nothing', { token, expires_in: -1 }],
  ['a lifetime in quotes', { token, expires_in: '300' }],
  ['a lifetime for ever', { token, expires_in: 1e18 }],
  ['a lifetime of null', { token, expires_in: null }],
  ['a birth in the past', { token, expires_in: 300, issued_at: past }],
  ['a birth in the future', { token, expires_in: 300, issued_at: future }],
  ['another name for it', { access_token: token, expires_in: 300 }],
  ['both names for it', { token, access_token: token, expires_in: 300 }],
];

/** And what is no token at all. */
const nonsense = ['{"expires_in":300}', '{"token":""}', '{"token":["a"]}', '<html>', '{"token":"a\\r\\nx: y"}'];

async function setUp() {
  stage.plantSecret(token);
  const tokens = await stage.tokens();
  const upstream = await stage.upstream();
  const mirror = await stage.mirror(upstream);
  const ask = (target: string): Promise<Pulled> => pull(mirror.address, target);
  /** From now on this repository wants the token, and the service answers like this to whoever asks for it. */
  const answerFor = (name: string, body: string) => {
    const image = upstream.registry.addImage(name, 'latest', [`a layer of ${name}`, `another one of ${name}`]);
    upstream.always(
      { path: `/v2/${name}/`, when: ({ headers }) => headers['authorization'] !== `Bearer ${token}` },
      { challenge: tokens.challengeFor(name, 'no-token') },
    );
    tokens.reset();
    tokens.always({}, { body });
    return image;
  };
  return { tokens, ask, answerFor };
}

describe('a token', () => {
  test('is taken, and not asked for at every turn, whatever is said about its life', async () => {
    const { tokens, ask, answerFor } = await setUp();
    for (const [n, [what, answer]] of answers.entries()) {
      const image = answerFor(`team/app-${n}`, JSON.stringify(answer));
      expect([what, (await ask(`/v2/team/app-${n}/manifests/latest`)).digest]).toEqual([what, image.digest]);
      for (const blob of image.layers) expectWhole(await ask(`/v2/team/app-${n}/blobs/${blob.digest}`), blob);
      expect([what, tokens.requests.length]).toEqual([what, 1]);
    }
  });

  test('that is none is a failure, no absence', async () => {
    const { ask, answerFor } = await setUp();
    for (const [n, body] of nonsense.entries()) {
      answerFor(`team/app-${n}`, body);
      const pulled = await ask(`/v2/team/app-${n}/manifests/latest`);
      expectFailure(pulled);
      expect(pulled.headers['www-authenticate']).toBeUndefined();
    }
  });
});

describe('a token service that fails', () => {
  test('gives all who wait the same failure, and nobody after it', async () => {
    const tokens = await stage.tokens({ lifetimeS: 60 });
    const upstream = await stage.upstream({ tokens });
    const image = upstream.registry.addImage('team/app', 'latest', ['layer']);
    const blobs = Array.from({ length: 10 }, (_, n) => upstream.registry.addBlob('team/app', `blob ${n}`));
    const mirror = await stage.mirror([{ upstream, name: mainName }]);
    const gate = createGate();
    const broken = tokens.always({}, { hold: gate, status: 500, body: '{}' });
    const all = blobs.map((blob) => pull(mirror.address, `/v2/team/app/blobs/${blob.digest}`));
    await gate.reached;
    gate.open();
    for (const pulled of await Promise.all(all)) expectFailure(pulled);
    broken.remove();
    await pollUntil(async () => (await pull(mirror.address, '/v2/team/app/manifests/latest')).status === 200);
    expect((await pull(mirror.address, `/v2/team/app/manifests/${image.digest}`)).status).toBe(200);
  });

  test('for one repository only, as ghcr.io does for what it hides, is a denial of that one', async () => {
    const { tokens, upstream, ask } = await setUpWarm(stage, { tokens: { lifetimeS: 60 } });
    upstream.registry.addImage('team/hidden', 'latest', ['hidden layer']);
    const denied = { status: 403, body: '{"errors":[{"code":"DENIED","message":"requested access is denied"}]}' };
    tokens?.always({ path: 'team%2Fhidden' }, denied);
    tokens?.always({ path: 'team/hidden' }, denied);
    expectError(await ask('/v2/team/hidden/manifests/latest'), 404, 'MANIFEST_UNKNOWN');
    upstream.registry.addImage('team/other', 'latest', ['other layer']);
    expect((await ask('/v2/team/other/manifests/latest')).status).toBe(200);
  });
});
