// Story: where callers' own logins are passed through, each sees what the registry shows to it, and nothing more.
import { writeFile } from 'node:fs/promises';
import { describe, expect, test } from '@jest/globals';
import { createSeededContent } from '../support/content.ts';
import { expectError, expectWhole } from '../support/expectations.ts';
import type { Fault } from '../support/fault.ts';
import { mainName, setStage } from '../support/flow.ts';
import { createGate } from '../support/gate.ts';
import type { MirrorProcess } from '../support/mirror-process.ts';
import { jsonOf, pull, startPull, type PullOptions } from '../support/raw-client.ts';
import type { RecordedRequest } from '../support/raw-server.ts';
import { pollUntil } from '../support/signal.ts';

const stage = setStage();
const alice = 'alice:password-of-alice';
const bob = 'bob:password-of-bob';
const repository = 'team/private';
const layer = createSeededContent('private', 3_000_000);

function basic(login: string): string {
  return `Basic ${Buffer.from(login).toString('base64')}`;
}

function as(login: string, more: PullOptions = {}): PullOptions {
  return { ...more, headers: { ...more.headers, authorization: basic(login) } };
}

function isOf(login: string) {
  return { when: ({ headers }: RecordedRequest) => headers['authorization'] === basic(login) };
}

async function setUp(settings: { readonly accessTtl?: string; readonly trusts?: boolean } = {}) {
  for (const login of [alice, bob]) {
    const [, password = ''] = login.split(':');
    for (const secret of [password, basic(login).slice('Basic '.length)]) stage.plantSecret(secret);
  }
  const accounts = new Map<string, readonly string[]>([
    [alice, [repository, 'team/second']],
    [bob, ['team/second']],
  ]);
  const tokens = await stage.tokens({ accounts, privateRepositories: [repository, 'team/second'] });
  const upstream = await stage.upstream({ tokens });
  const image = upstream.registry.addImage(repository, 'v1', [layer, 'a small layer']);
  upstream.registry.addImage('team/second', 'v1', ['of the second']);
  upstream.registry.addImage('team/public', 'v1', ['for everybody']);
  const { accessTtl = '1h', trusts = true } = settings;
  const entry = { access: 'passthrough', accessTtl, authHosts: trusts ? [`127.0.0.1:${tokens.port}`] : [] };
  const mirror = await stage.mirror([{ upstream, name: mainName, ...entry }], { log: { level: 'debug' } });
  const paths = {
    tag: `/v2/${repository}/manifests/v1`,
    manifest: `/v2/${repository}/manifests/${image.digest}`,
    layer: `/v2/${repository}/blobs/${layer.digest}`,
    small: `/v2/${repository}/blobs/${image.layers[1]?.digest}`,
  };
  return { accounts, tokens, upstream, image, mirror, paths };
}

/** Everything of the image, as one that may have it. */
async function warm(mirror: MirrorProcess, paths: Readonly<Record<string, string>>): Promise<void> {
  for (const path of Object.values(paths)) {
    expect(await pull(mirror.address, path, as(alice))).toMatchObject({ status: 200, isComplete: true });
  }
}

describe('a private repository', () => {
  test('is served from the cache to whom the registry shows it, and to nobody else; each is asked for once', async () => {
    const { upstream, image, mirror, paths, tokens } = await setUp();
    await warm(mirror, paths);
    const before = upstream.requests.length;
    for (let i = 0; i < 3; i++) await warm(mirror, paths);
    for (const path of Object.values(paths)) {
      // What has just come may be on its way to the disk still.
      const isHit = async () =>
        (await pull(mirror.address, path, as(alice))).headers['cache-status'] === 'stowage; hit';
      await pollUntil(isHit, { what: `a hit of ${path}` });
    }
    expectWhole(await pull(mirror.address, paths.layer, as(alice)), layer);
    expect(upstream.requests.slice(before)).toEqual([]);
    expect(tokens.find(isOf(alice))).toHaveLength(1);

    expectError(await pull(mirror.address, paths.tag, as(bob)), 403, 'DENIED');
    const asked = upstream.requests.length;
    expectError(await pull(mirror.address, paths.tag, as(bob)), 403, 'DENIED');
    expectError(await pull(mirror.address, paths.manifest, as(bob)), 404, 'MANIFEST_UNKNOWN');
    const hidden = await pull(mirror.address, paths.layer, as(bob));
    const absent = await pull(mirror.address, `/v2/${repository}/blobs/sha256:${'0'.repeat(64)}`, as(bob));
    expectError(hidden, 404, 'BLOB_UNKNOWN');
    expect(hidden.body).toEqual(absent.body);
    expect((await pull(mirror.address, paths.small, as(bob, { method: 'HEAD' }))).status).toBe(404);
    expect((await pull(mirror.address, paths.small, as(bob, { range: 'bytes=0-1' }))).status).toBe(404);
    expect((await pull(mirror.address, `/v2/${repository}/tags/list`, as(bob))).status).toBe(404);
    expect((await pull(mirror.address, `/v2/${repository}/referrers/${image.digest}`, as(bob))).status).toBe(404);
    expect(upstream.requests.length).toBe(asked);
    expect(tokens.find(isOf(bob))).toHaveLength(1);
  });

  test('asks whoever comes without a login for one, as containerd expects it, and then gives everything', async () => {
    const { image, mirror, paths } = await setUp();
    for (const path of Object.values(paths)) {
      const refused = await pull(mirror.address, path, { method: 'HEAD' });
      expect(refused).toMatchObject({ status: 401, bytes: 0 });
      expect(refused.headers['www-authenticate']).toMatch(/^Basic realm="[^"]+"/);
    }
    const refused = await pull(mirror.address, paths.tag);
    expect(jsonOf(refused)).toMatchObject({ errors: [{ code: 'UNAUTHORIZED' }] });
    const head = await pull(mirror.address, paths.tag, as(alice, { method: 'HEAD' }));
    expect(head).toMatchObject({ status: 200, headers: { 'docker-content-digest': image.digest } });
    await warm(mirror, paths);
    expect((await pull(mirror.address, paths.layer, as(alice, { range: 'bytes=5-9' }))).body).toEqual(
      layer.read(5, 10),
    );
    expect((await pull(mirror.address, paths.tag)).status).toBe(401);
    expect((await pull(mirror.address, paths.layer, { range: 'bytes=5-9' })).status).toBe(401);
    expect((await pull(mirror.address, paths.small)).status).toBe(401);
  });

  test('lists its tags and referrers to those who may see it', async () => {
    const { image, mirror } = await setUp();
    const tags = `/v2/${repository}/tags/list`;
    const referrers = `/v2/${repository}/referrers/${image.digest}`;
    expect((await pull(mirror.address, tags)).status).toBe(401);
    expect(jsonOf(await pull(mirror.address, tags, as(alice)))).toMatchObject({ tags: ['v1'] });
    expect((await pull(mirror.address, referrers, as(alice))).status).toBe(200);
    for (const path of [tags, referrers]) {
      expect((await pull(mirror.address, path)).status).toBe(401);
      expect((await pull(mirror.address, path, as(bob))).status).toBe(404);
    }
  });

  test('keeps its blobs from those who ask for them through another', async () => {
    const { mirror, paths, image } = await setUp();
    await warm(mirror, paths);
    expect((await pull(mirror.address, '/v2/team/second/manifests/v1', as(bob))).status).toBe(200);
    for (const other of ['team/second', 'team/public']) {
      const path = `/v2/${other}/blobs/${layer.digest}`;
      expectError(await pull(mirror.address, path, as(bob)), 404, 'BLOB_UNKNOWN');
      expectError(
        await pull(mirror.address, `/v2/${other}/manifests/${image.digest}`, as(bob)),
        404,
        'MANIFEST_UNKNOWN',
      );
    }
    expectError(await pull(mirror.address, `/v2/team/public/blobs/${layer.digest}`), 404, 'BLOB_UNKNOWN');
  });

  test('is closed to a login that has been taken away, when its time is over', async () => {
    const { accounts, upstream, mirror, paths } = await setUp({ accessTtl: '500ms' });
    await warm(mirror, paths);
    accounts.set(alice, []);
    for (const [path, status] of [
      [paths.tag, 403],
      [paths.manifest, 404],
      [paths.layer, 404],
    ] as const) {
      const isClosed = async () => (await pull(mirror.address, path, as(alice))).status === status;
      await pollUntil(isClosed, { what: `${path} to be refused` });
    }
    accounts.set(alice, [repository]);
    const isOpen = async () => (await pull(mirror.address, paths.tag, as(alice))).status === 200;
    await pollUntil(isOpen, { what: 'the tag to be served again' });
    expect(upstream.find({ method: 'GET', path: layer.digest })).toHaveLength(1);
  });

  test('is named in no metric, and in nothing that the admin listener says without a token', async () => {
    const { mirror, paths, image } = await setUp();
    await warm(mirror, paths);
    for (const path of Object.values(paths)) await pull(mirror.address, path, as(bob));
    for (const target of ['/metrics', '/livez', '/readyz', '/']) {
      const shown = (await pull(mirror.adminAddress, target, { keepBody: true })).body.toString();
      for (const name of [repository, 'private', image.digest.slice(7), layer.digest.slice(7), 'alice', 'bob']) {
        expect([target, name, shown.includes(name)]).toEqual([target, name, false]);
      }
    }
  });

  test('is not in the catalogue', async () => {
    const { mirror, paths } = await setUp();
    await warm(mirror, paths);
    expect((await pull(mirror.address, '/v2/team/public/manifests/v1')).status).toBe(200);
    expect(await catalogOf(mirror)).not.toContain(repository);
  });
});

async function catalogOf(mirror: MirrorProcess): Promise<string> {
  return (await pull(mirror.address, '/v2/_catalog')).body.toString();
}

const failures: readonly (readonly [string, Fault])[] = [
  ['answered 429', { status: 429, body: '{}', headers: { 'retry-after': '1' } }],
  ['answered 500', { status: 500, body: '{}' }],
  ['reset', { refuse: 'RST' }],
];

describe('while the question about a caller is', () => {
  test.each(failures)('%s, private content is refused with 503', async (_name, fault) => {
    const { upstream, mirror, paths } = await setUp();
    await warm(mirror, paths);
    const broken = upstream.always({ path: repository }, fault);
    for (const path of [paths.tag, paths.layer]) {
      const pulled = await pull(mirror.address, path, as(bob));
      expectError(pulled, 503, 'UNAVAILABLE');
      expect(Number(pulled.headers['retry-after'])).toBeGreaterThan(0);
    }
    expectWhole(await pull(mirror.address, paths.layer, as(alice)), layer);
    broken.remove();
    // A failure is no verdict: what comes after it counts at once, pauses and breakers aside.
    const isRefused = async () => (await pull(mirror.address, paths.layer, as(bob))).status === 404;
    await pollUntil(isRefused, { what: 'a refusal', deadlineMs: 15_000 });
  });

  test('left without an answer, private content is refused with 503, and with 404 when the answer comes', async () => {
    const { upstream, mirror, paths } = await setUp();
    await warm(mirror, paths);
    const gate = createGate();
    upstream.always({ path: repository }, { hold: gate });
    expectError(await pull(mirror.address, paths.tag, as(bob)), 503, 'UNAVAILABLE');
    expectError(await pull(mirror.address, paths.layer, as(bob)), 503, 'UNAVAILABLE');
    expectWhole(await pull(mirror.address, paths.layer, as(alice)), layer);
    gate.open();
    const isRefused = async () => (await pull(mirror.address, paths.layer, as(bob))).status === 404;
    await pollUntil(isRefused, { what: 'a refusal' });
  });
});

describe('a password', () => {
  test('does not go to a realm on a foreign host; an anonymous token is tried and the log tells of it', async () => {
    const { tokens, mirror, paths } = await setUp({ trusts: false });
    expectError(await pull(mirror.address, paths.tag, as(alice)), 403, 'DENIED');
    expect(tokens.requests.length).toBeGreaterThan(0);
    expect(tokens.find({ when: ({ headers }) => headers['authorization'] !== undefined })).toEqual([]);
    await mirror.untilLogged('authHosts');
  });

  test('that is wrong opens nothing private and closes nothing public', async () => {
    const { mirror, paths } = await setUp();
    await warm(mirror, paths);
    const wrong = 'alice:planted-password';
    expectError(await pull(mirror.address, paths.tag, as(wrong)), 403, 'DENIED');
    expectError(await pull(mirror.address, paths.layer, as(wrong)), 404, 'BLOB_UNKNOWN');
    expect((await pull(mirror.address, '/v2/team/public/manifests/v1', as(wrong))).status).toBe(200);
  });
});

describe('what was fetched with a login', () => {
  test('is not shown to everybody when logins are not passed through any more', async () => {
    const { upstream, mirror, paths } = await setUp();
    await warm(mirror, paths);
    const shared = [{ url: upstream.url, name: mainName, default: true }];
    await writeFile(mirror.configFile, mirror.formatConfig({ upstreams: shared }));
    mirror.signal('SIGHUP');
    const isHidden = async () => (await pull(mirror.address, paths.layer)).status === 404;
    await pollUntil(isHidden, { what: 'the layer to be hidden' });
    for (const path of [paths.tag, paths.manifest, paths.small]) {
      expectError(await pull(mirror.address, path), 404, path === paths.small ? 'BLOB_UNKNOWN' : 'MANIFEST_UNKNOWN');
    }
  });
});

describe('one fill', () => {
  test('is followed by two callers, each after its own check, and not by a third', async () => {
    const { accounts, upstream, mirror, paths, tokens } = await setUp();
    const carol = 'carol:planted-password';
    accounts.set(carol, [repository]);
    const gate = createGate();
    upstream.always({ method: 'GET', path: layer.digest }, { holdBody: { after: 1_000_000, gate } });
    const first = startPull(mirror.address, paths.layer, as(alice));
    await gate.reached;
    const second = startPull(mirror.address, paths.layer, as(carol));
    await second.untilReceived(100_000);
    expectError(await pull(mirror.address, paths.layer, as(bob)), 404, 'BLOB_UNKNOWN');
    expect((await pull(mirror.address, paths.layer)).status).toBe(401);
    gate.open();
    expectWhole(await first.done, layer);
    expectWhole(await second.done, layer);
    expect(upstream.find({ method: 'GET', path: layer.digest })).toHaveLength(1);
    for (const login of [alice, bob, carol]) expect(tokens.find(isOf(login))).toHaveLength(1);
  });

  test('goes on with the login of another when its first one is taken away', async () => {
    const { accounts, upstream, mirror, paths, tokens } = await setUp();
    const carol = 'carol:planted-password';
    accounts.set(carol, [repository]);
    const gate = createGate();
    upstream.once({ method: 'GET', path: layer.digest }, { hold: gate, status: 403, body: '{}' });
    const first = pull(mirror.address, paths.layer, as(alice));
    await gate.reached;
    accounts.set(alice, []);
    const second = pull(mirror.address, paths.layer, as(carol));
    await tokens.until(() => tokens.find(isOf(carol)).length > 0);
    gate.open();
    expectWhole(await second, layer);
    expectError(await first, 404, 'BLOB_UNKNOWN');
  });
});

describe('what is public', () => {
  test('is pulled without a login, and stays public when somebody has one', async () => {
    const { upstream, mirror, tokens } = await setUp();
    const path = '/v2/team/public/manifests/v1';
    expect((await pull(mirror.address, path, as(alice))).status).toBe(200);
    expect((await pull(mirror.address, path)).headers['cache-status']).toBe('stowage; hit');
    expect(tokens.find(isOf(alice))).toEqual([]);
    const missing = await pull(mirror.address, '/v2/team/public/manifests/none');
    expectError(missing, 404, 'MANIFEST_UNKNOWN');
    await upstream.down();
    expect((await pull(mirror.address, path)).status).toBe(200);
    expect((await pull(mirror.address, path, as(bob))).status).toBe(200);
  });
});

describe('the first answer', () => {
  test('asks for a login where the upstream it is for takes one, but not of the Docker daemon', async () => {
    const { mirror } = await setUp();
    const asked = await pull(mirror.address, '/v2/');
    expect(asked.status).toBe(401);
    expect(asked.headers['www-authenticate']).toMatch(/^Basic realm=/);
    expect((await pull(mirror.address, '/v2/', as(alice))).status).toBe(200);
    const daemon = { 'user-agent': 'docker/29.0.1 go/go1.24 git-commit/x os/linux arch/amd64' };
    expect(await pull(mirror.address, '/v2/', { headers: daemon })).toMatchObject({ status: 200 });
  });

  test('asks for nothing where another upstream is the default', async () => {
    const upstream = await stage.upstream();
    const name = 'private.test';
    const mirror = await stage.mirror([
      { upstream, name: mainName },
      { upstream, name, access: 'passthrough', virtualHosts: ['private.mirror.test'] },
    ]);
    expect((await pull(mirror.address, '/v2/')).status).toBe(200);
    expect((await pull(mirror.address, '/v2/', { headers: { host: 'private.mirror.test' } })).status).toBe(401);
    expect((await pull(mirror.address, `/${name}/v2/`)).status).toBe(401);
    expect((await pull(mirror.address, `/v2/?ns=${name}`)).status).toBe(401);
  });
});
