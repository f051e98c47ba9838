import { describe, expect, test } from '@jest/globals';
import { DatabaseSync } from 'node:sqlite';
import { tidy } from '../../../src/store/catalog-tidy.ts';
import { digestOf, eventually } from './fixtures.ts';
import { childOf, flushed, kindOf, manifestType, named, noType, startMs, useCatalogs } from './catalog-bench.ts';

const catalogs = useCatalogs();

describe('a use of a manifest', () => {
  test('is one of what it lists and of what that lists, and goes no deeper', () =>
    catalogs.use(async (catalog) => {
      for (const name of ['index', 'image']) void catalog.addContent(named(name), manifestType);
      for (const name of ['layer', 'deep', 'other']) void catalog.addContent(named(name), noType);
      void catalog.setChildren(named('index').digest, [childOf('image')]);
      void catalog.setChildren(named('image').digest, [childOf('layer')]);
      void catalog.setChildren(named('layer').digest, [childOf('deep')]);
      await flushed(catalog);
      catalogs.clock().advance(5000);
      catalog.touchContent(named('index').digest);
      await flushed(catalog);
      const uses = ['index', 'image', 'layer', 'deep', 'other'].map((name) => {
        const record = catalog.findContent(named(name).digest);
        return [record?.kind, record?.hits, (record?.lastUsedMs ?? 0) - startMs];
      });
      expect(uses).toEqual([
        ['manifest', 1, 5000],
        ['manifest', 0, 5000],
        ['reused', 0, 5000],
        ['once', 0, 0],
        ['once', 0, 0],
      ]);
    }));

  test('is written a second later, with all others of that second, as of the last of them', () =>
    catalogs.use(async (catalog) => {
      await catalog.addContent(named('a'), noType);
      for (let use = 0; use < 3; use += 1) catalog.touchContent(named('a').digest);
      catalogs.clock().advance(999);
      expect(catalog.findContent(named('a').digest)?.hits).toBe(0);
      catalogs.clock().advance(1);
      expect(catalog.findContent(named('a').digest)).toMatchObject({
        kind: 'reused',
        hits: 3,
        lastUsedMs: startMs,
      });
      await eventually(() => catalog.totalsByKind().reused.objects === 1);
    }));

  test('of content that is removed in that second is none of the content that comes after it', () =>
    catalogs.use(async (catalog) => {
      await catalog.addContent(named('a'), noType);
      catalog.touchContent(named('a').digest);
      void catalog.removeContent(named('a').digest);
      void catalog.addContent(named('a'), noType);
      await flushed(catalog);
      expect(catalog.findContent(named('a').digest)).toMatchObject({ kind: 'once', hits: 0 });
    }));
});

describe('content that was here before its row', () => {
  test('was last used when its file says so, but not in the future', () =>
    catalogs.use(async (catalog) => {
      await catalog.addContent(named('old'), { ...noType, lastUsedMs: startMs - 5000.7 });
      await catalog.addContent(named('future'), { ...noType, lastUsedMs: startMs + 5000 });
      await catalog.addContent(named('now'), noType);
      const times = ['old', 'future', 'now'].map((name) => catalog.findContent(named(name).digest)?.lastUsedMs);
      expect(times).toEqual([startMs - 5001, startMs, startMs]);
    }));
});

describe('a row that is being replaced', () => {
  test.each([noType, manifestType])('is of the kind that it will be: %j', (type) =>
    catalogs.use(async (catalog) => {
      for (const name of ['again', 'pinned', 'new']) await catalog.addContent(named(name), noType);
      await catalog.addPin({ type: 'digest', digest: named('pinned').digest });
      catalog.touchContent(named('again').digest);
      await flushed(catalog);
      for (const name of ['again', 'pinned', 'new']) void catalog.addContent(named(name), type);
      const kinds = () => ['again', 'pinned', 'new'].map((name) => kindOf(catalog, name));
      const before = kinds();
      await flushed(catalog);
      expect(kinds()).toEqual(type === noType ? ['reused', 'pinned', 'once'] : ['manifest', 'pinned', 'manifest']);
      expect(before).toEqual(kinds());
      expect(catalog.findContent(named('again').digest)?.hits).toBe(1);
    }),
  );
});

describe('small facts', () => {
  test('are found at once, are replaced, and survive a restart', async () => {
    await catalogs.use(async (catalog) => {
      expect(catalog.findState('a')).toBeUndefined();
      const written = catalog.setState('a', 'first');
      expect(catalog.findState('a')).toBe('first');
      await written;
      void catalog.setState('a', 'second');
      expect(catalog.findState('a')).toBe('second');
      expect(catalog.findState('b')).toBeUndefined();
    });
    await catalogs.use((catalog) => expect(catalog.findState('a')).toBe('second'));
  });
});

describe('all rows under a prefix', () => {
  test('are listed as they will be, of either algorithm', async () => {
    const objects = Array.from({ length: 300 }, (_, index) => named(`o${index}`));
    const long = { ...named('long'), digest: digestOf(Buffer.from('long'), 'sha512') };
    const [first, second] = objects;
    if (first === undefined || second === undefined) throw new Error('there are three hundred');
    await catalogs.use(async (catalog) => {
      await Promise.all([...objects, long].map((object) => catalog.addContent(object, noType)));
      void catalog.removeContent(first.digest);
      void catalog.addContent({ ...second, sizeBytes: 7 }, noType);
      void catalog.addContent(named('pending'), noType);
      const expected = [...objects.slice(1), named('pending')];
      for (const prefix of ['sha256:', 'sha256:0', first.digest.slice(0, 9), second.digest, 'sha512:', 'sha256:xyz']) {
        const all = [...expected, long].map(({ digest }) => digest).filter((digest) => digest.startsWith(prefix));
        const listed = catalog.listContent(prefix);
        expect(listed.map(({ digest }) => digest).toSorted()).toEqual(all.toSorted());
      }
      expect(catalog.listContent(second.digest)).toMatchObject([{ sizeBytes: 7 }]);
      await flushed(catalog);
      expect(catalog.listContent('sha256:')).toHaveLength(300);
    });
  });
});

describe('what is known of content that is gone', () => {
  /** Rows of content that is here and, after each of them, of content that is not, each in repositories of its own. */
  function fill(count: number): void {
    const db = new DatabaseSync(catalogs.path());
    db.exec('BEGIN');
    const tag = db.prepare('INSERT INTO tags VALUES (?, ?, ?, ?, 1, NULL)');
    const link = db.prepare('INSERT INTO links VALUES (?, ?, ?)');
    const child = db.prepare('INSERT INTO children VALUES (?, ?, 1, ?)');
    for (let index = 0; index < count; index += 1) {
      for (const [owner, digest] of [
        ['library', named('here').digest],
        ['gone', named(`gone${index}`).digest],
      ] as const) {
        const repository = `${owner}/r${index}`;
        tag.run('docker.io', repository, digest.slice(7, 20), digest);
        link.run('docker.io', repository, digest);
        child.run(digest, named(`child${index}`).digest, 'layer');
      }
    }
    db.exec('COMMIT');
    db.close();
  }

  function countRows(): readonly number[] {
    const db = new DatabaseSync(catalogs.path(), { readOnly: true });
    try {
      return ['tags', 'links', 'children', 'repositories'].map((table) =>
        Number(db.prepare(`SELECT count(*) AS n FROM ${table}`).get()?.['n']),
      );
    } finally {
      db.close();
    }
  }

  test('is deleted after the start, all of thousands of rows, and nothing else', async () => {
    const count = 2500;
    await catalogs.use(async (catalog) => await catalog.addContent(named('here'), noType));
    fill(count);
    await catalogs.use(async (catalog) => {
      await eventually(() => countRows().every((rows) => rows === count));
      const last = { upstream: 'docker.io', repository: `library/r${count - 1}` };
      expect(catalog.hasLink(last, named('here').digest)).toBe(true);
      const gone = { upstream: 'docker.io', repository: `gone/r${count - 1}` };
      expect(catalog.hasLink(gone, named(`gone${count - 1}`).digest)).toBe(false);
    });
  });

  test('is deleted in steps of a thousand rows, between which others write', async () => {
    await catalogs.use(async (catalog) => await catalog.addContent(named('here'), noType));
    fill(2500);
    const db = new DatabaseSync(catalogs.path());
    const steps = tidy(db);
    let before = countRows();
    let count = 0;
    while (steps.next().done !== true) {
      const after = countRows();
      const deleted = before.map((rows, table) => rows - (after[table] ?? 0));
      expect(deleted.reduce((sum, rows) => sum + rows)).toBeLessThanOrEqual(1000);
      count += 1;
      const other = new DatabaseSync(catalogs.path());
      other.exec("INSERT OR REPLACE INTO state VALUES ('other', 'was here')");
      other.close();
      before = after;
    }
    db.close();
    // Five thousand rows in each of four tables, and what is left of each.
    expect(count).toBe(24);
    expect(countRows()).toEqual([2500, 2500, 2500, 2500]);
  });
});
