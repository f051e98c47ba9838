// Upstreams that exist only as names: nock answers, and no socket is opened.
import { afterAll, afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import nock from 'nock';
import { startCanary, type Canary } from '../../support/canary.ts';
import { blobDigest, manifestText, tag } from './answers.ts';
import { createFixture, type Fixture } from './fixture.ts';

let fixture: Fixture;
beforeEach(() => {
  fixture = createFixture();
});
afterEach(async () => {
  await fixture.close();
  nock.cleanAll();
});
// nock sits in node:net, which the test files of one worker share.
afterAll(() => nock.restore());

test('tokens of Docker Hub are asked of its own token service', async () => {
  const manifest = '/v2/library/alpine/manifests/latest';
  nock('https://registry-1.docker.io')
    .get(manifest)
    .reply(401, '', {
      'www-authenticate':
        'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:library/alpine:pull"',
    })
    .get(manifest)
    .matchHeader('authorization', 'Bearer abc')
    .reply(200, manifestText, { 'content-type': 'application/vnd.oci.image.manifest.v1+json' });
  nock('https://auth.docker.io')
    .get('/token')
    .query({ service: 'registry.docker.io', scope: 'repository:library/alpine:pull' })
    .reply(200, { token: 'abc', access_token: 'abc', expires_in: 300, issued_at: '2026-01-01T00:00:00.123456789Z' });
  const upstream = fixture.open('https://registry-1.docker.io');
  const { bytes, provenance } = await upstream.getManifest('library/alpine', tag);
  expect([Buffer.from(bytes).toString(), provenance]).toEqual([manifestText, 'public']);
});

describe('where answers may lead', () => {
  let canary: Canary;
  beforeEach(async () => {
    canary = await startCanary();
  });
  afterEach(async () => {
    expect(canary.connections).toBe(0);
    await canary.close();
  });

  test('is never from https to http', async () => {
    nock('https://registry.example.com').head(/.*/).reply(307, '', { location: canary.url });
    await expect(fixture.open('https://registry.example.com').headManifest('a', tag)).rejects.toMatchObject({
      kind: 'upstream-failed',
    });
  });

  test.each(['127.0.0.1', '2130706433', '0x7f.1', '0', '[::ffff:127.0.0.1]', '[64:ff9b::7f00:1]', '[::]'])(
    'is no address of this machine: %s',
    async (host) => {
      nock('http://registry.example.com')
        .get(/.*/)
        .reply(307, '', { location: `http://${host}:${canary.port}/x` });
      await expect(fixture.open('http://registry.example.com').openBlob('a', blobDigest)).rejects.toMatchObject({
        kind: 'upstream-failed',
        isFinal: true,
      });
      expect(fixture.requests.at(-1)).toMatchObject({ kind: 'blob', result: 'refused' });
    },
  );

  test.each(['http://169.254.169.254/latest', 'http://10.0.0.1/', 'http://[fe80::1]/', 'http://[fd00::1]/'])(
    'is not %s',
    async (location) => {
      nock('http://registry.example.com').get(/.*/).reply(307, '', { location });
      await expect(fixture.open('http://registry.example.com').openBlob('a', blobDigest)).rejects.toMatchObject({
        kind: 'upstream-failed',
      });
      expect(fixture.requests.at(-1)).toMatchObject({ result: 'refused' });
    },
  );

  test('is no realm of this machine', async () => {
    nock('http://registry.example.com')
      .head(/.*/)
      .reply(401, '', { 'www-authenticate': `Bearer realm="${canary.url}/token",service="s"` });
    await expect(fixture.open('http://registry.example.com').headManifest('a', tag)).rejects.toMatchObject({
      kind: 'upstream-failed',
    });
    expect(fixture.requests.at(-1)).toMatchObject({ kind: 'token', result: 'refused' });
  });

  test('is no realm over http for an https upstream, and none with a login in it', async () => {
    for (const realm of ['http://auth.example.com/token', 'https://user:word@registry.example.com/token']) {
      nock('https://registry.example.com')
        .head(/.*/)
        .reply(401, '', { 'www-authenticate': `Bearer realm="${realm}",service="s"` });
      await expect(fixture.open('https://registry.example.com').headManifest('a', tag)).rejects.toMatchObject({
        kind: 'upstream-failed',
      });
    }
    expect(fixture.requests.map(({ kind }) => kind)).toEqual(['manifest', 'manifest']);
  });

  test('is no place inside by way of the token service', async () => {
    nock('http://registry.example.com')
      .head(/.*/)
      .reply(401, '', { 'www-authenticate': `Bearer realm="http://registry.example.com/token",service="s"` })
      .get(/^\/token/)
      .reply(302, '', { location: `${canary.url}/token` });
    await expect(fixture.open('http://registry.example.com').headManifest('a', tag)).rejects.toMatchObject({
      kind: 'upstream-failed',
    });
  });
});
