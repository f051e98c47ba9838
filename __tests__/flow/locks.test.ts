// Story: every route, by every method, for every kind of caller; the whole table is asserted, so that no route can
// escape it. A lock that is added to the mirror adds a scene: a configuration, logins, and what it expects.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { hashSync } from 'bcryptjs';
import { setStage } from '../support/flow.ts';
import { fingerprint, formatTable, walk, type Attempt, type Logins, type Seen } from '../support/locks.ts';
import type { MirrorProcess } from '../support/mirror-process.ts';
import { pull } from '../support/raw-client.ts';
import type { UpstreamEntry } from '../support/flow.ts';

const stage = setStage();
const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'PROPFIND'];
const isRead = (method: string): boolean => method === 'GET' || method === 'HEAD';

/** Whether the image that is asked for may be seen, is somebody's own, or is nowhere. */
type Place = 'open' | 'closed' | 'absent';

/** A way to lock the mirror listener, and what its callers get. */
interface Scene {
  readonly name: string;
  readonly logins: Logins;
  /** Further keys of the main upstream, and of the configuration; files may lie in the directory. */
  readonly upstream?: Readonly<Record<string, unknown>>;
  config?(directory: string): Readonly<Record<string, unknown>>;
  /** Whether the main upstream is asked with callers' own logins. */
  readonly isPassthrough?: boolean;
  /** `user:password` that the test itself pulls with. */
  readonly login?: string;
  /** Whom this place is open to. */
  isOpen(place: Place, attempt: Attempt): boolean;
  /** What goes before any route is looked at; undefined: nothing. */
  refusal?(attempt: Attempt): Seen | undefined;
}

const basic = (text: string) => ({ authorization: `Basic ${Buffer.from(text).toString('base64')}` });

const challenge = 'Basic realm="Stowage", charset="UTF-8"';
const loginRequired = (method: string): Seen => ({
  status: 401,
  ...(method !== 'HEAD' && { code: 'UNAUTHORIZED' }),
  challenge,
  cache: 'no-store',
});

const scenes: readonly Scene[] = [
  {
    // Nobody is asked for a login, and whatever login is sent changes nothing of what is seen.
    name: 'an anonymous mirror',
    logins: { nobody: {}, 'a stranger': basic('somebody:wrong'), 'the owner': basic('someone:planted-password') },
    isOpen: (place) => place === 'open',
  },
  {
    name: 'a mirror with accounts',
    // A wrong password would be slowed down after some; a login of another kind is none.
    logins: { nobody: {}, 'a stranger': { authorization: 'Bearer abc' }, 'the owner': basic('alice:wonderland') },
    login: 'alice:wonderland',
    config: (directory) => ({ clients: { accounts: { file: join(directory, 'htpasswd') } } }),
    isOpen: (place) => place === 'open',
    refusal({ caller, method }) {
      return caller === 'the owner' ? undefined : loginRequired(method);
    },
  },
  {
    name: "a mirror that passes callers' logins through",
    logins: { nobody: {}, 'a stranger': basic('somebody:wrong'), 'the owner': basic('someone:planted-password') },
    isPassthrough: true,
    isOpen: (place, { caller, route }) =>
      place === 'open' || (place === 'closed' && caller === 'the owner' && !route.includes('through')),
    refusal({ caller, method, route }) {
      if (!isRead(method)) return undefined;
      if (caller === 'nobody' && (route === 'base' || route.endsWith(', closed'))) return loginRequired(method);
      // As the registry itself says it of the repository; whether there is such a tag is not told.
      if (caller !== 'a stranger' || route !== 'manifest by tag, closed') return undefined;
      return { status: 403, ...(method === 'GET' && { code: 'DENIED' }), cache: 'no-store' };
    },
  },
  {
    name: 'a mirror with a rule',
    logins: { nobody: {}, 'a stranger': basic('somebody:wrong'), 'the owner': basic('someone:planted-password') },
    upstream: { deny: ['team/closed'] },
    isOpen: (place) => place === 'open',
    // A rule is no secret: it says that it is one, and before it is known whether there is anything.
    refusal({ method, path }) {
      if (!path.startsWith('/v2/team/closed/') || !isRead(method)) return undefined;
      return { status: 403, ...(method === 'GET' && { code: 'DENIED' }), cache: 'no-store' };
    },
  },
];

let directory = '';
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'stowage-locks-'));
  await writeFile(join(directory, 'htpasswd'), `alice:${hashSync('wonderland', 6)}\n`);
});
afterAll(async () => {
  await rm(directory, { recursive: true });
});

interface Image {
  readonly repository: string;
  readonly digest: string;
  readonly layer: string;
}

const absentDigest = `sha256:${'0'.repeat(64)}`;

/** Routes about content: the name, what follows the repository, and the code where there is nothing. */
const contentRoutes: readonly (readonly [string, (image: Image) => string, string])[] = [
  ['manifest by tag', () => 'manifests/v1', 'MANIFEST_UNKNOWN'],
  ['manifest by digest', ({ digest }) => `manifests/${digest}`, 'MANIFEST_UNKNOWN'],
  ['blob', ({ layer }) => `blobs/${layer}`, 'BLOB_UNKNOWN'],
  ['tags', () => 'tags/list', 'MANIFEST_UNKNOWN'],
];
/** Those about nothing, where every caller is told so. */
const nothingRoutes: readonly (readonly [string, string])[] = [
  ['catalogue', '/v2/_catalog'],
  ['uploads', '/v2/team/open/blobs/uploads/some-id/more'],
  ['elsewhere', '/v2/team/open/else/where'],
  ['no version', '/v1/team/open'],
  ['root', '/'],
  ['admin', '/api/v1/status'],
  ['metrics', '/metrics'],
];

async function setUp(scene: Scene): Promise<{ mirror: MirrorProcess; images: Readonly<Record<Place, Image>> }> {
  const tokens = await stage.tokens({ login: 'someone:planted-password', privateRepositories: ['team/closed'] });
  const upstream = await stage.upstream({ tokens });
  const login = { username: 'someone', passwordEnv: 'PLANTED', authHosts: [`127.0.0.1:${tokens.port}`] };
  const { authHosts } = login;
  const passthrough = scene.isPassthrough === true ? { access: 'passthrough', authHosts } : {};
  const entries: readonly UpstreamEntry[] = [
    { upstream, name: 'registry.test', ...scene.upstream, ...passthrough },
    // By this way private content gets into the cache, as that of another team would.
    { upstream, name: 'private.test', shareCredentials: true, ...login },
  ];
  const { login: pullsAs } = scene;
  const more = pullsAs === undefined ? {} : { login: pullsAs };
  const mirror = await stage.mirror(entries, scene.config?.(directory), { PLANTED: 'planted-password' }, more);
  const add = (repository: string): Image => {
    const { digest, layers } = upstream.registry.addImage(repository, 'v1', [`a layer of ${repository}`]);
    return { repository, digest, layer: layers[0]?.digest ?? '' };
  };
  const images = {
    open: add('team/open'),
    closed: add('team/closed'),
    absent: { repository: 'team/absent', digest: absentDigest, layer: absentDigest },
  };
  const { closed } = images;
  for (const [, rest] of contentRoutes) {
    const { status } = await pull(mirror.address, `/v2/${closed.repository}/${rest(closed)}?ns=private.test`);
    expect(status).toBe(200);
  }
  return { mirror, images };
}

function expectContent(scene: Scene, place: Place, attempt: Attempt, code: string): Seen {
  if (!isRead(attempt.method)) return readOnly(attempt);
  if (scene.isOpen(place, attempt)) {
    return { status: 200, cache: place === 'closed' ? 'no-cache' : cacheOf(attempt) };
  }
  return { status: 404, ...(attempt.method === 'GET' && { code }), cache: 'no-store' };
}

/** What was answered to a login is for that caller alone. */
function cacheOf({ route, caller }: Attempt): string {
  const isFixed = route.includes('manifest by digest') || route.includes('blob');
  return isFixed && caller === 'nobody' ? 'max-age=31536000, immutable' : 'no-cache';
}

/** The mirror takes no writes; what is no method of registries is none here either. */
function readOnly(_attempt: Attempt): Seen {
  return { status: 405, code: 'UNSUPPORTED', allow: 'GET, HEAD', cache: 'no-store' };
}

describe.each(scenes)('on the mirror listener of $name', (scene) => {
  const settle = (attempt: Attempt, seen: Seen): Seen => scene.refusal?.(attempt) ?? seen;

  test('content is for whom it is open to, and for others as if it were absent', async () => {
    const { mirror, images } = await setUp(scene);
    for (const [name, rest, code] of contentRoutes) {
      const places = ['open', 'closed', 'absent'] as const;
      const routes = places.map((place): readonly [string, string] => {
        const image = images[place];
        return [`${name}, ${place}`, `/v2/${image.repository}/${rest(image)}`];
      });
      // Its digest, through a repository that everybody sees.
      if (!rest(images.closed).endsWith('v1') && !rest(images.closed).endsWith('list')) {
        routes.push([`${name}, closed through open`, `/v2/${images.open.repository}/${rest(images.closed)}`]);
      }
      const walked = await walk(mirror.address, { logins: scene.logins, methods, routes });
      const expected = walked.map(({ attempt }) => {
        const place = attempt.route.includes('closed')
          ? 'closed'
          : attempt.route.includes('absent')
            ? 'absent'
            : 'open';
        return { attempt, seen: settle(attempt, expectContent(scene, place, attempt, code)) };
      });
      expect(formatTable(walked)).toEqual(formatTable(expected));
      for (const row of walked) {
        expect(row.pulled).toMatchObject({ isComplete: true });
        expect(row.pulled.headers).toMatchObject({
          'docker-distribution-api-version': 'registry/2.0',
          'x-content-type-options': 'nosniff',
        });
        if (row.attempt.method === 'HEAD') expect(row.pulled.bytes).toBe(0);
        if (row.seen.status !== 404 || !row.attempt.route.includes('closed')) continue;
        const twin = walked.find(
          ({ attempt }) =>
            attempt.route === `${name}, absent` &&
            attempt.method === row.attempt.method &&
            attempt.caller === row.attempt.caller,
        );
        expect(fingerprint(row)).toEqual(twin && fingerprint(twin));
      }
    }
  });

  test('the rest is the same for everybody', async () => {
    const { mirror } = await setUp(scene);
    const { logins } = scene;
    const nothing = await walk(mirror.address, { logins, methods, routes: nothingRoutes });
    expect(formatTable(nothing)).toEqual(
      formatTable(
        nothing.map(({ attempt }) => {
          const lost = { status: 404, ...(attempt.method === 'GET' && { code: 'UNSUPPORTED' }), cache: 'no-store' };
          return { attempt, seen: settle(attempt, isRead(attempt.method) ? lost : readOnly(attempt)) };
        }),
      ),
    );
    const base = await walk(mirror.address, { logins, methods, routes: [['base', '/v2/']] });
    expect(formatTable(base)).toEqual(
      formatTable(
        base.map(({ attempt }) => {
          const found = { status: 200, cache: 'no-cache' };
          return { attempt, seen: settle(attempt, isRead(attempt.method) ? found : readOnly(attempt)) };
        }),
      ),
    );
  });
});
