import { afterEach, beforeEach, expect, test } from '@jest/globals';
import type { LookupAddress } from 'node:dns';
import { startBlackHole, type BlackHole } from '../../support/black-hole.ts';
import { manifestReply, manifestDigest, tag } from './answers.ts';
import { createFixture, type Fixture } from './fixture.ts';

const ipv6: LookupAddress = { address: '::1', family: 6 };
const ipv4: LookupAddress = { address: '127.0.0.1', family: 4 };

let fixture: Fixture;
let hole: BlackHole;
let addresses: readonly LookupAddress[];

beforeEach(() => {
  fixture = createFixture({
    timeouts: { connectMs: 2_000, headersMs: 30_000, bodyMs: 20_000 },
    lookup: (_host, _options, callback) => callback(null, [...addresses]),
  });
});
afterEach(async () => {
  await fixture.close();
  await hole.close();
});

test('an upstream whose IPv6 address swallows everything is reached over IPv4', async () => {
  const registry = await fixture.serve(() => manifestReply);
  hole = await startBlackHole('::1', registry.port);
  addresses = [ipv6, ipv4];
  const upstream = fixture.open(`http://registry.test:${registry.port}`, { egressAllow: ['::1', '127.0.0.1'] });
  await expect(upstream.headManifest('a', tag)).resolves.toMatchObject({ digest: manifestDigest });
});

test('an upstream whose every address swallows everything is given up after the time for connecting', async () => {
  hole = await startBlackHole('::1');
  addresses = [ipv6];
  const upstream = fixture.open(`http://registry.test:${hole.port}`, { egressAllow: ['::1'] });
  await expect(upstream.headManifest('a', tag)).rejects.toMatchObject({ kind: 'upstream-timeout', isFinal: false });
});
