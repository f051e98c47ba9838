import { expect, test } from '@jest/globals';
import { existsSync, readFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { childOf, kindOf, manifestType, named, noType, startMs, useCatalogs } from './catalog-bench.ts';

const catalogs = useCatalogs();
const alpine = { upstream: 'docker.io', repository: 'library/alpine' };

const bySize = {
  search: undefined,
  upstream: undefined,
  repository: undefined,
  order: 'size',
  after: undefined,
  limit: 9,
} as const;

/** As version 1 made it. */
const firstSchema = `
  CREATE TABLE content (
    digest TEXT PRIMARY KEY,
    size INTEGER NOT NULL,
    provenance TEXT NOT NULL,
    media_type TEXT,
    first_used INTEGER NOT NULL,
    last_used INTEGER NOT NULL,
    hits INTEGER NOT NULL DEFAULT 0,
    pinned INTEGER NOT NULL DEFAULT 0
  ) WITHOUT ROWID;
  CREATE INDEX content_by_use ON content (media_type IS NOT NULL, last_used) WHERE pinned = 0;
  CREATE TABLE children (
    manifest TEXT NOT NULL,
    digest TEXT NOT NULL,
    size INTEGER NOT NULL,
    media_type TEXT NOT NULL,
    PRIMARY KEY (manifest, digest)
  ) WITHOUT ROWID;
  CREATE INDEX children_by_digest ON children (digest);
  CREATE TABLE links (
    upstream TEXT NOT NULL,
    repository TEXT NOT NULL,
    digest TEXT NOT NULL,
    PRIMARY KEY (upstream, repository, digest)
  ) WITHOUT ROWID;
  CREATE INDEX links_by_digest ON links (digest);
  CREATE TABLE tags (
    upstream TEXT NOT NULL,
    repository TEXT NOT NULL,
    tag TEXT NOT NULL,
    digest TEXT NOT NULL,
    checked INTEGER NOT NULL,
    etag TEXT,
    PRIMARY KEY (upstream, repository, tag)
  ) WITHOUT ROWID;
  PRAGMA user_version = 1;
`;

function createFirstVersion(): DatabaseSync {
  const db = new DatabaseSync(catalogs.path());
  db.exec(`PRAGMA journal_mode = WAL; ${firstSchema}`);
  return db;
}

/** From the file's header: who opens it leaves something behind. */
function versionNow(): number {
  return readFileSync(catalogs.path()).readUInt32BE(60);
}

/** A manifest, a layer that was used once, one that was used again, and a restricted one. */
function fill(db: DatabaseSync): void {
  const add = db.prepare('INSERT INTO content VALUES (?, ?, ?, ?, ?, ?, ?, 0)');
  add.run(named('manifest').digest, 500, 'public', manifestType.mediaType, startMs - 9000, startMs - 100, 7);
  add.run(named('once').digest, 10, 'public', null, startMs - 9000, startMs - 4000, 0);
  add.run(named('again').digest, 20, 'public', null, startMs - 9000, startMs - 3000, 2);
  add.run(named('secret').digest, 40, 'restricted', null, startMs - 9000, startMs - 2000, 0);
  const { digest, mediaType, sizeBytes } = childOf('once', 10);
  db.prepare('INSERT INTO children VALUES (?, ?, ?, ?)').run(named('manifest').digest, digest, sizeBytes, mediaType);
  for (const name of ['manifest', 'secret']) {
    db.prepare('INSERT INTO links VALUES (?, ?, ?)').run(alpine.upstream, alpine.repository, named(name).digest);
  }
  const tag = db.prepare('INSERT INTO tags VALUES (?, ?, ?, ?, ?, ?)');
  tag.run(alpine.upstream, alpine.repository, 'latest', named('manifest').digest, 17, '"x"');
}

test('what a catalog of the first version knows is kept, and what decides of eviction is found out', async () => {
  const db = createFirstVersion();
  fill(db);
  db.close();
  for (let start = 0; start < 2; start += 1) {
    await catalogs.use(async (catalog, state, browse) => {
      expect(state).toBe('clean');
      expect((await browse.listImages(bySize)).items).toMatchObject([{ tag: 'latest', sizeBytes: 10, hits: 7 }]);
      expect(catalog.findContent(named('manifest').digest)).toEqual({
        ...named('manifest', 500),
        ...manifestType,
        kind: 'manifest',
        lastUsedMs: startMs - 100,
        hits: 7,
      });
      expect(catalog.findContent(named('secret').digest)).toMatchObject({ provenance: 'restricted', hits: 0 });
      expect(['once', 'again', 'secret'].map((name) => kindOf(catalog, name))).toEqual(['once', 'reused', 'once']);
      expect((await catalog.listEvictable('once', 9)).map(({ sizeBytes }) => sizeBytes)).toEqual([10, 40]);
      expect(catalog.totals()).toEqual({ objects: 4, bytes: 570 });
      expect(catalog.totalsByKind()).toEqual({
        once: { objects: 2, bytes: 50 },
        reused: { objects: 1, bytes: 20 },
        manifest: { objects: 1, bytes: 500 },
        pinned: { objects: 0, bytes: 0 },
      });
      expect(catalog.findDescriptor(alpine, named('once').digest)).toEqual(childOf('once', 10));
      expect(catalog.hasLink(alpine, named('secret').digest)).toBe(true);
      expect(catalog.findTag(alpine, 'latest')).toEqual({
        digest: named('manifest').digest,
        checkedMs: 17,
        etag: '"x"',
      });
      expect(catalog.listPins()).toEqual([]);
    });
    expect(versionNow()).toBe(3);
  }
  expect(existsSync(`${catalogs.path()}.damaged`)).toBe(false);
});

test('it is written to like a new one', async () => {
  const db = createFirstVersion();
  fill(db);
  db.close();
  await catalogs.use(async (catalog) => {
    await catalog.addPin({ type: 'digest', digest: named('secret').digest });
    await catalog.addContent(named('new', 1000), noType);
    await catalog.removeContent(named('again').digest);
    await catalog.setState('scrub', 'here');
    catalog.touchContent(named('once').digest);
  });
  await catalogs.use((catalog) => {
    expect(catalog.totalsByKind()).toEqual({
      once: { objects: 1, bytes: 1000 },
      reused: { objects: 1, bytes: 10 },
      manifest: { objects: 1, bytes: 500 },
      pinned: { objects: 1, bytes: 40 },
    });
    expect(catalog.findState('scrub')).toBe('here');
  });
});

test('an empty one is migrated too', async () => {
  createFirstVersion().close();
  await catalogs.use((catalog, state) => {
    expect(state).toBe('clean');
    expect(catalog.totals()).toEqual({ objects: 0, bytes: 0 });
  });
  expect(versionNow()).toBe(3);
});

test('a migration that cannot be made leaves what it found, and that is moved aside', async () => {
  const db = createFirstVersion();
  fill(db);
  // The last of the steps cannot be made: there is something in its place.
  db.exec('CREATE TABLE totals (x)');
  db.close();
  await catalogs.use((_catalog, state) => expect(state).toBe('damaged'));
  const aside = new DatabaseSync(`${catalogs.path()}.damaged`, { readOnly: true });
  expect(aside.prepare('PRAGMA user_version').get()).toEqual({ user_version: 1 });
  expect(aside.prepare("SELECT count(*) AS n FROM pragma_table_xinfo('content') WHERE name = 'kind'").get()).toEqual({
    n: 0,
  });
  aside.close();
});

test('a catalog of a later version is not touched but moved aside', async () => {
  const db = createFirstVersion();
  fill(db);
  db.exec('PRAGMA user_version = 4');
  db.close();
  await catalogs.use((catalog, state) => {
    expect(state).toBe('damaged');
    expect(catalog.totals().objects).toBe(0);
  });
  expect(existsSync(`${catalogs.path()}.damaged`)).toBe(true);
});
