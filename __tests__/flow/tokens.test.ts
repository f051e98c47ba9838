// Story: tokens towards upstream: few of them, renewed in time.
import { describe, expect, test } from '@jest/globals';
import { createSeededContent } from '../support/content.ts';
import { expectWhole } from '../support/expectations.ts';
import type { Fault } from '../support/fault.ts';
import { setStage } from '../support/flow.ts';
import { createGate } from '../support/gate.ts';
import { pull, startPull } from '../support/raw-client.ts';
import { blobGets, type UpstreamOptions } from '../support/scripted-upstream.ts';
import type { TokenServerOptions } from '../support/token-server.ts';

const stage = setStage();
const layer = createSeededContent('tokens', 30_000_000);
const path = `/v2/team/app/blobs/${layer.digest}`;
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
    const pulls = nonsense.map((challenge, i) => {
      const blob = upstream.registry.addBlob('team/app', `nonsense ${i}`);
      upstream.always({ path: blob.digest }, { challenge });
      return pull(mirror.address, `/v2/team/app/blobs/${blob.digest}`);
    });
    for (const pulled of await Promise.all(pulls)) {
      expect([403, 404, 502, 503]).toContain(pulled.status);
      expect(pulled.headers['www-authenticate']).toBeUndefined();
    }
  });
});
