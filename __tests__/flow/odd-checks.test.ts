// Story: registries that answer a check in their own way, and clients that only ask for the head.
import { describe, expect, test } from '@jest/globals';
import { setStage } from '../support/flow.ts';
import { pull } from '../support/raw-client.ts';
import { pollUntil } from '../support/signal.ts';
import { expectStale, path, setUpWarm, unseen } from '../support/warm.ts';

const stage = setStage();
const checks = { method: 'HEAD', path } as const;

describe('a registry', () => {
  test.each([400, 403, 405, 501])('that answers HEAD with %i is asked by GET, and believed', async (status) => {
    const { upstream, image, ask } = await setUpWarm(stage);
    upstream.always({ method: 'HEAD' }, { status, body: '' });
    const same = await ask();
    expect(same).toMatchObject({ status: 200, digest: image.digest });
    expect(same.headers['cache-status']).toBe('stowage; hit; detail=revalidated');
    const moved = upstream.registry.addImage('team/app', 'latest', ['another layer']);
    expect((await ask()).digest).toBe(moved.digest);
    expect((await ask(unseen)).status).toBe(404);
  });

  test('that names no digest is asked whether the manifest has changed', async () => {
    const { upstream, image, ask } = await setUpWarm(stage);
    upstream.registry.sendsDigest = false;
    const unchanged = upstream.always(
      { method: 'GET', path, when: ({ headers }) => headers['if-none-match'] === `"${image.digest}"` },
      { status: 304, body: '' },
    );
    for (let n = 0; n < 3; n++) {
      const same = await ask();
      expect(same).toMatchObject({ status: 200, digest: image.digest });
      expect(same.headers['cache-status']).toBe('stowage; hit; detail=revalidated');
    }
    expect(unchanged.used).toBe(3);
    unchanged.remove();
    const moved = upstream.registry.addImage('team/app', 'latest', ['another layer']);
    expect((await ask()).digest).toBe(moved.digest);
    upstream.registry.sendsDigest = true;
  });

  test('that names neither digest nor version is asked for the whole, and believed', async () => {
    const { upstream, image, ask } = await setUpWarm(stage);
    upstream.registry.sendsDigest = false;
    upstream.always({ path: '/manifests/' }, { headers: { etag: undefined } });
    expect(await ask()).toMatchObject({ status: 200, digest: image.digest });
    const moved = upstream.registry.addImage('team/app', 'latest', ['another layer']);
    expect((await ask()).digest).toBe(moved.digest);
    upstream.registry.sendsDigest = true;
  });

  test('is asked for every type, whatever the client accepts', async () => {
    const { upstream, image, mirror } = await setUpWarm(stage);
    upstream.registry.addImage('team/app', 'unseen', ['another layer']);
    const accepts = [
      '',
      '*/*',
      'application/json',
      'application/vnd.docker.distribution.manifest.v2+json',
      'text/html',
    ];
    for (const accept of accepts) {
      const pulled = await pull(mirror.address, path, { headers: { accept } });
      expect(pulled).toMatchObject({ status: 200, digest: image.digest });
      expect((await pull(mirror.address, unseen, { headers: { accept } })).status).toBe(200);
    }
    const asked = new Set(upstream.find({ path: '/manifests/' }).map(({ headers }) => headers['accept']));
    expect(asked.size).toBe(1);
    for (const type of ['oci.image.index', 'oci.image.manifest', 'manifest.list', 'distribution.manifest.v2']) {
      expect([...asked][0]).toContain(type);
    }
  });
});

describe("a client's HEAD of a tag", () => {
  const head = { method: 'HEAD' } as const;

  test('tells in an outage what GET would, and that it is old', async () => {
    const { upstream, image, mirror, ask } = await setUpWarm(stage);
    await upstream.down();
    const told = await pull(mirror.address, path, head);
    const got = await ask();
    expectStale(got, image.digest);
    expect(told).toMatchObject({ status: 200, bytes: 0 });
    for (const name of ['docker-content-digest', 'content-type', 'content-length', 'cache-status', 'warning', 'etag']) {
      expect([name, told.headers[name]]).toEqual([name, got.headers[name]]);
    }
    expect(told.headers['age']).toMatch(/^\d+$/);
  });

  test('shares the check of those who ask at the same time', async () => {
    const { upstream, image, mirror } = await setUpWarm(stage, { entry: { tagTtl: '500ms' } });
    // Until the tag is old, nobody is asked.
    await pollUntil(async () => {
      await pull(mirror.address, path, head);
      return upstream.find(checks).length === 1;
    });
    const all = await Promise.all(Array.from({ length: 10 }, () => pull(mirror.address, path, head)));
    for (const pulled of all) expect(pulled.headers['docker-content-digest']).toBe(image.digest);
    expect(upstream.find(checks).length).toBeLessThanOrEqual(2);
    expect(upstream.find({ method: 'GET' })).toHaveLength(0);
  });
});

describe('a time to live of its own', () => {
  test('holds for the tags of a policy, in their order, and never for those of signatures', async () => {
    const signature = `sha256-${'ab'.repeat(32)}.sig`;
    const { upstream, image, ask } = await setUpWarm(stage, {
      entry: {
        tags: [
          { match: 'v*-rc*', ttl: '1ms' },
          { match: 'v*', immutable: true },
          { match: '*', ttl: '1h' },
        ],
      },
    });
    const tags = ['v1-rc1', 'v1', 'edge', signature];
    for (const tag of tags) upstream.registry.setTag('team/app', tag, image.digest);
    for (const tag of tags) expect((await ask(`/v2/team/app/manifests/${tag}`)).status).toBe(200);
    upstream.reset();
    const words: string[] = [];
    for (const tag of tags) {
      const pulled = await ask(`/v2/team/app/manifests/${tag}`);
      words.push(`${tag} ${pulled.headers['cache-status']}`);
    }
    expect(words).toEqual([
      'v1-rc1 stowage; hit; detail=revalidated',
      'v1 stowage; hit',
      'edge stowage; hit',
      `${signature} stowage; hit; detail=revalidated`,
    ]);
  });
});
