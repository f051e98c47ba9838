// Story: what does not exist is asked for once in a while, and seen soon after it is made.
import { describe, expect, test } from '@jest/globals';
import { expectError } from '../support/expectations.ts';
import { mainName, setStage } from '../support/flow.ts';
import { pull } from '../support/raw-client.ts';
import { pollUntil } from '../support/signal.ts';
import { expectFailure, setUpWarm, unseen } from '../support/warm.ts';

const stage = setStage();
const absent = (n: number): string => `sha256:${n.toString(16).padStart(64, '0')}`;

describe('a tag that does not exist', () => {
  test('is looked up once in five pulls, by GET or HEAD', async () => {
    const { upstream, mirror, ask } = await setUpWarm(stage);
    for (let n = 0; n < 5; n++) expectError(await ask(unseen), 404, 'MANIFEST_UNKNOWN');
    expect((await pull(mirror.address, unseen, { method: 'HEAD' })).status).toBe(404);
    expect(upstream.requests).toHaveLength(1);
  });

  test('is looked up once too where absent and private look alike, as on Docker Hub', async () => {
    const tokens = await stage.tokens({ privateRepositories: ['team/hidden'] });
    const upstream = await stage.upstream({ tokens });
    const mirror = await stage.mirror([{ upstream, name: mainName }]);
    const hidden = '/v2/team/hidden/manifests/latest';
    for (let n = 0; n < 5; n++) expectError(await pull(mirror.address, hidden), 404, 'MANIFEST_UNKNOWN');
    // Without a token, with a token that does not reach so far.
    expect(upstream.requests).toHaveLength(2);
    expect(tokens.requests).toHaveLength(1);
  });

  test('is looked up once by fifty clients at the same moment', async () => {
    const { upstream, ask } = await setUpWarm(stage);
    const all = await Promise.all(Array.from({ length: 50 }, () => ask(unseen)));
    for (const pulled of all) expectError(pulled, 404, 'MANIFEST_UNKNOWN');
    expect(upstream.requests.length).toBeLessThanOrEqual(2);
  });

  test('is found soon after it is pushed', async () => {
    const { upstream, ask } = await setUpWarm(stage, { entry: { negativeTtl: '200ms' } });
    expectError(await ask(unseen), 404, 'MANIFEST_UNKNOWN');
    const image = upstream.registry.addImage('team/app', 'unseen', ['pushed']);
    await pollUntil(async () => (await ask(unseen)).digest === image.digest);
  });

  test('is a failure, once its memory has faded, while upstream is away', async () => {
    const { upstream, ask } = await setUpWarm(stage, { entry: { negativeTtl: '50ms' } });
    expectError(await ask(unseen), 404, 'MANIFEST_UNKNOWN');
    await upstream.down();
    await pollUntil(async () => (await ask(unseen)).status !== 404);
    expectFailure(await ask(unseen));
  });

  test('in one repository says nothing about another, nor a tag about a digest', async () => {
    const { upstream, image, ask } = await setUpWarm(stage);
    upstream.registry.addImage('team/other', 'unseen', ['other layer']);
    expectError(await ask(unseen), 404, 'MANIFEST_UNKNOWN');
    expect((await ask('/v2/team/other/manifests/unseen')).status).toBe(200);
    expect((await ask(`/v2/team/app/manifests/${image.digest}`)).status).toBe(200);
  });
});

describe('a child of an index that is pushed late', () => {
  test('is served when it is there, and its index before that', async () => {
    const { upstream, ask } = await setUpWarm(stage, { entry: { negativeTtl: '50ms' } });
    const child = upstream.registry.addImage('team/app', undefined, ['the layer of a platform']);
    upstream.registry.removeManifest('team/app', child.digest);
    const { mediaType, digest, bytes } = child;
    const index = { schemaVersion: 2, manifests: [{ mediaType, digest, size: bytes.length }] };
    const added = upstream.registry.addManifest('team/app', index, {
      tag: 'partial',
      mediaType: 'application/vnd.oci.image.index.v1+json',
    });
    const childPath = `/v2/team/app/manifests/${digest}`;
    expect((await ask('/v2/team/app/manifests/partial')).digest).toBe(added.digest);
    expectError(await ask(childPath), 404, 'MANIFEST_UNKNOWN');
    upstream.registry.addManifest('team/app', bytes, { mediaType });
    await pollUntil(async () => (await ask(childPath)).digest === digest);
  });
});

describe('names without end', () => {
  test('that do not exist push nothing out that does', async () => {
    const { upstream, image, ask } = await setUpWarm(stage, { entry: { tagTtl: '1h' } });
    for (let round = 0; round < 10; round++) {
      const paths = Array.from({ length: 20 }, (_, n) => [
        `/v2/team/app/manifests/tag-${round}-${n}`,
        `/v2/team/app/manifests/${absent(round * 20 + n)}`,
        `/v2/team/app/blobs/${absent(round * 20 + n)}`,
      ]).flat();
      const all = await Promise.all(paths.map((target) => ask(target)));
      for (const pulled of all) expect(pulled.status).toBe(404);
    }
    upstream.reset();
    const known = await ask();
    expect(known).toMatchObject({ status: 200, digest: image.digest });
    expect(known.headers['cache-status']).toBe('stowage; hit');
    expect(upstream.requests).toHaveLength(0);
  });
});
