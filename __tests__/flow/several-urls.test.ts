// Story: an upstream with several addresses: another accelerator first, the registry itself last.
import { describe, expect, test } from '@jest/globals';
import { expectError, expectWhole } from '../support/expectations.ts';
import type { Fault } from '../support/fault.ts';
import { mainName, setStage } from '../support/flow.ts';
import { pull, type Pulled } from '../support/raw-client.ts';
import { pollUntil } from '../support/signal.ts';
import { expectFailure, expectStale, path } from '../support/warm.ts';

const stage = setStage();

async function setUp() {
  const main = await stage.upstream();
  const [near, far] = [await stage.upstream(), await stage.upstream()];
  const image = far.registry.addImage('team/app', 'latest', ['layer']);
  near.registry.addImage('team/app', 'latest', ['layer']);
  const entry = { name: 'several.test', url: undefined, urls: [{ url: near.url }, { url: far.url }], tagTtl: '1ms' };
  const mirror = await stage.mirror([
    { upstream: main, name: mainName },
    { upstream: near, negativeTtl: '1ms', ...entry },
  ]);
  const ask = (target = path): Promise<Pulled> => pull(mirror.address, `${target}?ns=several.test`);
  return { near, far, image, mirror, ask };
}

describe('an upstream of two addresses', () => {
  test('is asked at the last for tags, and for the rest at the first', async () => {
    const { near, far, image, ask } = await setUp();
    expect((await ask()).digest).toBe(image.digest);
    const blob = near.registry.addBlob('team/app', 'a cold blob');
    far.registry.addBlob('team/app', 'a cold blob');
    expectWhole(await ask(`/v2/team/app/blobs/${blob.digest}`), blob);
    expect(near.find({ path })).toHaveLength(0);
    expect(far.find({ path: '/blobs/' })).toHaveLength(0);
  });

  test.each<[string, Fault]>([
    ['dead', { refuse: 'RST' }],
    ['out of order', { status: 500, body: '{}' }],
    ['tired of us', { status: 429, body: '{}', headers: { 'retry-after': '1' } }],
    ['denying', { status: 403, body: '{}' }],
    ['lying', { status: 200, body: 'other bytes' }],
  ])('serves from the second while the first is %s', async (name, fault) => {
    const { near, far, image, ask } = await setUp();
    near.always({ path: '/v2/' }, fault);
    for (let n = 0; n < 7; n++) {
      const blob = far.registry.addBlob('team/app', `a cold blob ${n}`);
      expect((await ask()).digest).toBe(image.digest);
      await pollUntil(async () => (await ask(`/v2/team/app/blobs/${blob.digest}`)).status === 200);
      expectWhole(await ask(`/v2/team/app/blobs/${blob.digest}`), blob);
    }
    // Left alone: by its breaker, or for its limit. Only denials and lies are about the one object.
    if (!['denying', 'lying'].includes(name)) expect(near.find({ path: '/blobs/' }).length).toBeLessThanOrEqual(14);
  });

  test('keeps a tag in an outage of the last, which nobody else may speak for', async () => {
    const { near, far, image, ask } = await setUp();
    expect((await ask()).digest).toBe(image.digest);
    near.registry.addImage('team/app', 'latest', ['a layer of its own']);
    await far.down();
    for (let n = 0; n < 3; n++) expectStale(await ask(), image.digest);
    expectFailure(await ask('/v2/team/app/manifests/unseen'));
  });

  test('lacks only what both lack', async () => {
    const { near, ask } = await setUp();
    const absent = `/v2/team/app/blobs/sha256:${'0'.repeat(64)}`;
    expectError(await ask(absent), 404, 'BLOB_UNKNOWN');
    near.always({}, { status: 500, body: '{}' });
    await pollUntil(async () => (await ask(absent)).status !== 404);
    expectFailure(await ask(absent));
  });
});
