import { afterEach, beforeEach, expect, test } from '@jest/globals';
import type { UpstreamOptions } from '../../../src/upstream/options.ts';
import { createUpstreams, type Upstreams } from '../../../src/upstream/upstreams.ts';
import { pollUntil } from '../../support/signal.ts';
import { blobDigest, blobReply, createGuarded, grantToken, tag } from './answers.ts';
import { createFixture, readAll, type Fixture } from './fixture.ts';

let fixture: Fixture;
let upstreams: Upstreams | undefined;
beforeEach(() => {
  fixture = createFixture();
});
afterEach(async () => {
  await upstreams?.close();
  await fixture.close();
});

const optionsOf = (name: string, url: string, more: Partial<UpstreamOptions> = {}): UpstreamOptions => ({
  name,
  urls: [{ url }],
  shareCredentials: false,
  egressAllow: [],
  ...more,
});

function open(...options: readonly UpstreamOptions[]): Upstreams {
  upstreams = createUpstreams(options, fixture.context);
  return upstreams;
}

test('an upstream that is configured as before stays the same, a changed one does not', () => {
  const list = open(optionsOf('a.io', 'http://a:1'), optionsOf('b.io', 'http://b:1'));
  const [a, b] = [list.find('a.io'), list.find('b.io')];
  list.replace([
    optionsOf('c.io', 'http://c:1'),
    optionsOf('b.io', 'http://b:1', { rateLimitReserve: 7 }),
    optionsOf('a.io', 'http://a:1'),
  ]);
  expect(list.find('a.io')).toBe(a);
  expect(list.find('b.io')).not.toBe(b);
  expect(list.status().map(({ name }) => name)).toEqual(['c.io', 'b.io', 'a.io']);
  expect(list.all.map(({ name }) => name)).toEqual(['c.io', 'b.io', 'a.io']);
  list.replace([optionsOf('b.io', 'http://b:1')]);
  expect(list.find('a.io')).toBeUndefined();
});

test.each([
  ['tls.caFile of b.io', { ca: 'no certificate' }],
  ['tls.certFile and tls.keyFile of b.io', { cert: 'no certificate', key: 'no key' }],
])('nothing is replaced when one cannot be made: %s', (place, tls) => {
  const list = open(optionsOf('a.io', 'http://a:1'));
  const a = list.find('a.io');
  const next = [optionsOf('a.io', 'http://a:2'), optionsOf('b.io', 'https://b', { tls })];
  expect(() => list.replace(next)).toThrow(`${place}: expected`);
  expect(list.find('a.io')).toBe(a);
  expect(list.find('b.io')).toBeUndefined();
});

test('an upstream that is gone serves whoever uses it, and keeps no connection when nobody does', async () => {
  const server = await fixture.serve((request) => blobReply(request));
  const list = open(optionsOf('a.io', server.url));
  const old = list.find('a.io');
  const stream = await old?.openBlob('a', blobDigest);
  list.replace([optionsOf('b.io', server.url)]);
  expect((await readAll(stream?.body ?? raise())).length).toBeGreaterThan(0);
  await pollUntil(() => server.connections.open === 0, { what: 'the connection to be closed' });
  const again = await old?.openBlob('a', blobDigest);
  expect((await readAll(again?.body ?? raise())).length).toBeGreaterThan(0);
  await pollUntil(() => server.connections.open === 0, { what: 'the connection to be closed again' });
});

test('an upstream that is gone takes its word on the login with it', async () => {
  const server = await fixture.serve(
    createGuarded({
      grant: ({ headers }) => (headers['authorization'] === undefined ? grantToken('token-anybody') : { status: 401 }),
    }),
  );
  const login = { username: 'robot', password: { password: 'planted' } };
  const list = open(optionsOf('a.io', server.url, { urls: [{ url: server.url, login }] }));
  const old = list.find('a.io');
  await old?.getManifest('a', tag);
  expect(fixture.health.degraded).toHaveLength(1);
  list.replace([optionsOf('a.io', server.url)]);
  expect(fixture.health.degraded).toEqual([]);
  fixture.clock.advance(120_000);
  await old?.getManifest('b', tag);
  expect(fixture.health.degraded).toEqual([]);
});

function raise(): never {
  throw new Error('there is no stream');
}
