import { describe, expect, test } from '@jest/globals';
import { existsSync, readFileSync } from 'node:fs';
import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { Catalog, EvictableKind } from '../../../src/store/catalog.ts';
import type { CatalogState } from '../../../src/store/catalog-protocol.ts';
import { openSqliteCatalog } from '../../../src/store/sqlite-catalog.ts';
import { createHealth, type Health } from '../../../src/telemetry/health.ts';
import { silentLog } from '../../../src/telemetry/log.ts';
import { silentMeter } from '../../../src/telemetry/metrics.ts';
import { bytesOf, digestOf, eventually, FakeClock, objectOf, useDirectory } from './fixtures.ts';

const alpine = { upstream: 'docker.io', repository: 'library/alpine' };
const other = { upstream: 'docker.io', repository: 'library/other' };
const blob = (name: string, size = 100) => objectOf(bytesOf(name, size));
const noType = { mediaType: undefined };
const manifestType = { mediaType: 'application/vnd.oci.image.manifest.v1+json' };

describe('the catalog', () => {
  const directory = useDirectory();
  const clock = new FakeClock();
  const path = () => join(directory(), 'catalog.db');

  async function open(health: Health = createHealth()): Promise<{ catalog: Catalog; state: CatalogState }> {
    return openSqliteCatalog({ path: path(), pins: [], clock, log: silentLog, meter: silentMeter, health });
  }

  async function use(run: (catalog: Catalog, state: CatalogState) => Promise<void> | void): Promise<void> {
    const { catalog, state } = await open();
    try {
      await run(catalog, state);
    } finally {
      await catalog.close();
    }
  }

  /** Does the same to rows that are on their way, that are written, and that another process wrote. */
  async function atEveryAge(write: (catalog: Catalog) => Promise<unknown>, read: (catalog: Catalog) => void) {
    await use(async (catalog) => {
      const written = write(catalog);
      read(catalog);
      await written;
      read(catalog);
    });
    await use((catalog, state) => {
      expect(state).toBe('clean');
      read(catalog);
    });
  }

  test('content is found at once and after a restart', async () => {
    const object = blob('a');
    await atEveryAge(
      (catalog) => catalog.addContent(object, manifestType),
      (catalog) => {
        expect(catalog.findContent(object.digest)).toEqual({
          ...object,
          ...manifestType,
          kind: 'manifest',
          lastUsedMs: clock.nowMs,
          hits: 0,
        });
        expect(catalog.totals()).toEqual({ objects: 1, bytes: 100 });
        expect(catalog.findContent(blob('b').digest)).toBeUndefined();
      },
    );
  });

  test('content is replaced, promoted and removed, and the totals follow', async () => {
    const object = objectOf(bytesOf('a', 100), 'restricted');
    const gone = blob('gone');
    await atEveryAge(
      async (catalog) => {
        await Promise.all([
          catalog.addContent(object, noType),
          catalog.addContent(gone, noType),
          catalog.addContent(object, noType),
          catalog.promoteContent(object.digest),
          catalog.promoteContent(blob('absent').digest),
          catalog.removeContent(gone.digest),
          catalog.removeContent(gone.digest),
        ]);
      },
      (catalog) => {
        expect(catalog.findContent(object.digest)?.provenance).toBe('public');
        expect(catalog.findContent(gone.digest)).toBeUndefined();
        expect(catalog.totals()).toEqual({ objects: 1, bytes: 100 });
      },
    );
  });

  test('tags are found with their validator, replaced and removed', async () => {
    const record = { digest: blob('m').digest, checkedMs: 17, etag: '"x"' };
    const old = { digest: blob('old').digest, checkedMs: 1, etag: undefined };
    await atEveryAge(
      async (catalog) => {
        await Promise.all([
          catalog.addContent(blob('m'), manifestType),
          catalog.setTag(alpine, 'latest', old),
          catalog.setTag(alpine, 'latest', record),
          catalog.setTag(alpine, 'gone', record),
          catalog.removeTag(alpine, 'gone'),
        ]);
      },
      (catalog) => {
        expect(catalog.findTag(alpine, 'latest')).toEqual(record);
        expect(catalog.findTag(alpine, 'gone')).toBeUndefined();
        expect(catalog.findTag(other, 'latest')).toBeUndefined();
      },
    );
  });

  test('a link is for exactly one repository and digest', async () => {
    await atEveryAge(
      (catalog) => Promise.all([catalog.addContent(blob('a'), noType), catalog.addLink(alpine, blob('a').digest)]),
      (catalog) => {
        expect(catalog.hasLink(alpine, blob('a').digest)).toBe(true);
        expect(catalog.hasLink(other, blob('a').digest)).toBe(false);
        expect(catalog.hasLink({ ...alpine, upstream: 'quay.io' }, blob('a').digest)).toBe(false);
        expect(catalog.hasLink(alpine, blob('b').digest)).toBe(false);
      },
    );
  });

  test('removed content loses its links, and a link made after that counts', () =>
    use(async (catalog) => {
      const { digest } = blob('a');
      await catalog.addContent(blob('a'), noType);
      await catalog.addLink(alpine, digest);
      const removed = catalog.removeContent(digest);
      expect(catalog.hasLink(alpine, digest)).toBe(false);
      const added = catalog.addLink(alpine, digest);
      expect(catalog.hasLink(alpine, digest)).toBe(true);
      await Promise.all([removed, added]);
      expect(catalog.hasLink(alpine, digest)).toBe(true);
    }));

  test('a descriptor is found in manifests of the same repository only', async () => {
    const child = { digest: blob('layer').digest, mediaType: 'application/layer', sizeBytes: 100 };
    const manifest = blob('manifest');
    await atEveryAge(
      (catalog) =>
        Promise.all([
          catalog.addContent(manifest, manifestType),
          catalog.setChildren(manifest.digest, [child, child]),
          catalog.addLink(alpine, manifest.digest),
        ]),
      (catalog) => {
        expect(catalog.findDescriptor(alpine, child.digest)).toEqual(child);
        expect(catalog.findDescriptor(other, child.digest)).toBeUndefined();
        expect(catalog.findDescriptor(alpine, manifest.digest)).toBeUndefined();
      },
    );
    await use(async (catalog) => {
      const linked = catalog.addLink(other, manifest.digest);
      expect(catalog.findDescriptor(other, child.digest)).toEqual(child);
      const removed = catalog.removeContent(manifest.digest);
      expect(catalog.findDescriptor(alpine, child.digest)).toBeUndefined();
      await Promise.all([linked, removed]);
      expect(catalog.findDescriptor(alpine, child.digest)).toBeUndefined();
    });
  });

  test('what was used long ago is evictable first, each kind for itself', () =>
    use(async (catalog) => {
      const [manifest, old, young] = [blob('manifest'), blob('old'), blob('young')];
      await catalog.addContent(manifest, manifestType);
      clock.advance(10_000);
      await catalog.addContent(old, noType);
      clock.advance(10_000);
      void catalog.addContent(young, noType);
      const order = async (kind: EvictableKind, limit = 10) =>
        (await catalog.listEvictable(kind, limit)).map(({ digest }) => digest);
      expect(await order('once')).toEqual([old.digest, young.digest]);
      expect(await order('once', 1)).toEqual([old.digest]);
      expect(await order('manifest')).toEqual([manifest.digest]);
      clock.advance(10_000);
      catalog.touchContent(old.digest);
      expect(await order('once')).toEqual([young.digest]);
      expect(await order('reused')).toEqual([old.digest]);
      expect(catalog.totalsByKind()).toEqual({
        once: { objects: 1, bytes: 100 },
        reused: { objects: 1, bytes: 100 },
        manifest: { objects: 1, bytes: 100 },
        pinned: { objects: 0, bytes: 0 },
      });
    }));

  test('uses are counted, for a manifest also of all it lists, and survive a restart', async () => {
    const [manifest, layer] = [blob('manifest'), blob('layer')];
    await use(async (catalog) => {
      await catalog.addContent(manifest, manifestType);
      await catalog.addContent(layer, noType);
      const children = [{ digest: layer.digest, mediaType: 'layer', sizeBytes: 100 }];
      await catalog.setChildren(manifest.digest, children);
      clock.advance(5000);
      catalog.touchContent(manifest.digest);
      catalog.touchContent(manifest.digest);
      clock.advance(1000);
    });
    // When it was used, and not when that was written down.
    const usedMs = clock.nowMs - 1000;
    await use((catalog) => {
      expect(catalog.findContent(manifest.digest)).toMatchObject({ hits: 2, lastUsedMs: usedMs });
      expect(catalog.findContent(layer.digest)).toMatchObject({ hits: 0, kind: 'reused', lastUsedMs: usedMs });
    });
  });

  test('repositories with public content are listed in order, those with restricted content are not', async () => {
    const quay = { upstream: 'quay.io', repository: 'a' };
    await atEveryAge(
      (catalog) =>
        Promise.all([
          catalog.addContent(blob('public'), noType),
          catalog.addContent(objectOf(bytesOf('restricted', 5), 'restricted'), noType),
          catalog.addLink(quay, blob('public').digest),
          catalog.addLink(other, blob('public').digest),
          catalog.addLink(alpine, blob('public').digest),
          catalog.addLink({ ...quay, repository: 'secret' }, digestOf(bytesOf('restricted', 5))),
        ]),
      (catalog) => expect(catalog.listPublicRepositories()).toEqual([alpine, other, quay]),
    );
  });

  test('tags of content that is gone are forgotten by the next start', async () => {
    const record = { digest: blob('m').digest, checkedMs: 1, etag: undefined };
    await use(async (catalog) => {
      await catalog.addContent(blob('m'), manifestType);
      await catalog.setTag(alpine, 'latest', record);
      await catalog.removeContent(record.digest);
      expect(catalog.findTag(alpine, 'latest')).toEqual(record);
    });
    await use((catalog) => eventually(() => catalog.findTag(alpine, 'latest') === undefined));
  });

  test('ten thousand changes at once are all written', async () => {
    const objects = Array.from({ length: 10_000 }, (_, index) => ({ ...blob(`o${index}`), sizeBytes: index }));
    await use(async (catalog) => void (await Promise.all(objects.map((object) => catalog.addContent(object, noType)))));
    await use((catalog) => expect(catalog.totals()).toEqual({ objects: 10_000, bytes: 49_995_000 }));
  });

  describe('after a crash', () => {
    /** What is on the disk while the catalog is open is what a kill leaves. */
    async function crash(): Promise<void> {
      await use(async (catalog) => {
        await catalog.addContent(blob('a'), noType);
        for (const suffix of ['', '-wal', '-shm'])
          await copyFile(`${path()}${suffix}`, join(directory(), `k${suffix}`));
      });
      for (const suffix of ['', '-wal', '-shm']) await copyFile(join(directory(), `k${suffix}`), `${path()}${suffix}`);
    }

    test('every row is there, and the start says that it was one', async () => {
      await crash();
      await use((catalog, state) => {
        expect(state).toBe('unclean');
        expect(catalog.findContent(blob('a').digest)).toBeDefined();
      });
    });

    test.each(['garbage', 'zeros', 'nothing'])('a -shm file of %s is made anew', async (kind) => {
      await crash();
      await writeFile(
        `${path()}-shm`,
        { garbage: bytesOf('x', 32_768), zeros: Buffer.alloc(32_768), nothing: '' }[kind] ?? '',
      );
      await use((catalog) => expect(catalog.findContent(blob('a').digest)).toBeDefined());
    });

    test.each(['garbage', 'nothing'])('a -wal file of %s loses rows, and the start says so', async (kind) => {
      await crash();
      await writeFile(`${path()}-wal`, kind === 'garbage' ? bytesOf('x', 50_000) : '');
      await use(async (catalog, state) => {
        expect(['unclean', 'damaged']).toContain(state);
        await catalog.addContent(blob('b'), noType);
        expect(catalog.findContent(blob('b').digest)).toBeDefined();
      });
    });
  });

  describe('when the database is damaged', () => {
    async function fill(): Promise<void> {
      await use(async (catalog) => {
        const objects = Array.from({ length: 500 }, (_, index) => blob(`o${index}`));
        await Promise.all(objects.map((object) => catalog.addContent(object, noType)));
      });
    }

    async function isReplaced(): Promise<void> {
      await use(async (catalog, state) => {
        expect(state).toBe('damaged');
        expect(catalog.totals()).toEqual({ objects: 0, bytes: 0 });
        await catalog.addContent(blob('new'), noType);
      });
      expect(existsSync(`${path()}.damaged`)).toBe(true);
      await use((catalog, state) => {
        expect(state).toBe('clean');
        expect(catalog.findContent(blob('new').digest)).toBeDefined();
      });
    }

    test('garbage in its place is moved aside', async () => {
      await writeFile(path(), bytesOf('x', 100_000));
      await isReplaced();
    });

    test('one bad page is found at the start', async () => {
      await fill();
      const bytes = readFileSync(path());
      bytes.fill(0xff, 4096 * 3, 4096 * 8);
      await writeFile(path(), bytes);
      await isReplaced();
    });

    test('a cut file is moved aside', async () => {
      await fill();
      await writeFile(path(), readFileSync(path()).subarray(0, 4096 * 3));
      await isReplaced();
    });

    test('a directory in its place is moved aside', async () => {
      await mkdir(path());
      await isReplaced();
    });

    test('tables that are not ours are moved aside', async () => {
      const db = new DatabaseSync(path());
      db.exec('CREATE TABLE content (x); PRAGMA user_version = 1');
      db.close();
      await isReplaced();
    });

    test('damage met while running shows in health, counts as absence, and the next start replaces it', async () => {
      await fill();
      const health = createHealth();
      const { catalog } = await open(health);
      const bytes = readFileSync(path());
      bytes.fill(0xff, 4096);
      await writeFile(path(), bytes);
      // A table that has not been read yet: pages that were are kept in memory.
      expect(catalog.findTag(alpine, 'latest')).toBeUndefined();
      expect(health.degraded.map(({ part }) => part)).toEqual(['catalog']);
      await catalog.close();
      await isReplaced();
    });
  });

  test('a catalog that cannot write says so, remembers, and writes when it can', async () => {
    const health = createHealth();
    const { catalog } = await open(health);
    // Somebody else's transaction stands for a disk that refuses.
    const blocker = new DatabaseSync(path());
    blocker.exec('BEGIN IMMEDIATE');
    await catalog.addContent(blob('a'), noType);
    expect(health.degraded.map(({ part }) => part)).toEqual(['catalog']);
    expect(catalog.findContent(blob('a').digest)).toBeDefined();
    blocker.exec('ROLLBACK');
    blocker.close();
    const later = catalog.addContent(blob('b'), noType);
    clock.advance(1000);
    await later;
    expect(health.degraded).toEqual([]);
    await catalog.close();
    await use((again) => expect(again.totals().objects).toBe(2));
  });

  test('what cannot be written before the end is lost, and the end comes', async () => {
    const { catalog } = await open();
    const blocker = new DatabaseSync(path());
    blocker.exec('BEGIN IMMEDIATE');
    const added = catalog.addContent(blob('a'), noType);
    await catalog.close();
    await added;
    blocker.close();
    await use((again) => expect(again.totals().objects).toBe(0));
  });

  test('a place where no database can be is remembered in memory', async () => {
    const health = createHealth();
    const nowhere = join(directory(), 'absent', 'catalog.db');
    const { catalog } = await openSqliteCatalog({
      path: nowhere,
      pins: [],
      clock,
      log: silentLog,
      meter: silentMeter,
      health,
    });
    expect(health.degraded.map(({ part }) => part)).toEqual(['catalog']);
    await catalog.addContent(blob('a'), noType);
    expect(catalog.findContent(blob('a').digest)).toBeDefined();
    await mkdir(join(directory(), 'absent'));
    clock.advance(1000);
    await catalog.addContent(blob('b'), noType);
    expect(catalog.totals()).toEqual({ objects: 2, bytes: 200 });
    await catalog.close();
    expect(health.degraded).toEqual([]);
  });
});
