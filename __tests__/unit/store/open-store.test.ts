import { describe, expect, test } from '@jest/globals';
import { existsSync } from 'node:fs';
import { readdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { mediaTypes } from '../../../src/oci/media-type.ts';
import type { StoredObject } from '../../../src/store/content-store.ts';
import { openStore, type Store } from '../../../src/store/open-store.ts';
import { createStorePaths } from '../../../src/store/paths.ts';
import { bytesOf, listNames, objectOf, storeOptions, useDirectory } from './fixtures.ts';

const repository = { upstream: 'docker.io', repository: 'library/alpine' };

describe('the store', () => {
  const directory = useDirectory();
  const root = () => join(directory(), 'data');

  async function use(run: (store: Store) => Promise<void>): Promise<void> {
    const store = await openStore(storeOptions(root()));
    try {
      await run(store);
    } finally {
      await store.close();
    }
  }

  async function add(store: Store, bytes: Uint8Array, provenance: StoredObject['provenance'] = 'public') {
    const object = objectOf(bytes, provenance);
    await store.content.put(object, bytes);
    await store.catalog.addContent(object, { mediaType: undefined });
    return object;
  }

  test('makes its directory, for the owner alone, and gives it free again', async () => {
    await use(async () => {
      expect((await stat(root())).mode & 0o777).toBe(0o700);
      await expect(use(() => Promise.resolve())).rejects.toThrow('in use by process');
    });
    await use(({ whenRecovered }) => whenRecovered);
    expect((await readdir(root())).toSorted()).toEqual([
      'blobs',
      'catalog.db',
      'fills',
      'format',
      'lock',
      'owner.json',
      'quarantine',
    ]);
  });

  test('that is new has nothing to compare, and one that was there before its catalog has', async () => {
    const mark = createStorePaths(root()).restoring;
    await use(() => {
      expect(existsSync(mark)).toBe(false);
      return Promise.resolve();
    });
    for (const lose of [rm, (path: string) => writeFile(path, '')]) {
      await lose(join(root(), 'catalog.db'));
      await use(async ({ whenRecovered }) => {
        expect(existsSync(mark)).toBe(true);
        await whenRecovered;
        expect(existsSync(mark)).toBe(false);
      });
    }
  });

  test('a refused format leaves the directory free for who can read it', async () => {
    await use(() => Promise.resolve());
    await writeFile(join(root(), 'format'), '9');
    await expect(use(() => Promise.resolve())).rejects.toThrow('format 9');
    await writeFile(join(root(), 'format'), '1');
    await use(() => Promise.resolve());
  });

  test('what a killed process was writing is swept, what it collected is kept', async () => {
    const paths = createStorePaths(root());
    const { digest } = objectOf(bytesOf('a', 10));
    const orphan = objectOf(bytesOf('b', 10)).digest;
    await use(async ({ content }) => {
      const partial = await content.begin(digest);
      await partial.write(0, bytesOf('a', 10));
      await partial.saveJournal({ spans: [{ start: 0, end: 5 }], sizeBytes: 10 });
      await partial.park();
      await partial.close();
    });
    await writeFile(join(paths.fills, 'put-1.tmp'), 'x');
    await writeFile(`${paths.journal(digest)}.tmp`, 'x');
    await writeFile(paths.journal(orphan), 'x');
    await use(async ({ content }) => {
      const kept = [paths.partial(digest), paths.journal(digest)].map((path) => path.slice(paths.fills.length + 1));
      expect((await readdir(paths.fills)).toSorted()).toEqual(kept.toSorted());
      const partial = await content.begin(digest);
      expect(partial.recovered).toEqual({ spans: [{ start: 0, end: 5 }], sizeBytes: 10 });
      await partial.abort();
      await partial.close();
    });
  });

  test('a lost catalog is made anew from the files, restricted content without links', async () => {
    const layer = bytesOf('layer', 5000);
    const child = { digest: objectOf(layer).digest, mediaType: 'application/layer', size: layer.length };
    const image = Buffer.from(JSON.stringify({ schemaVersion: 2, config: child, layers: [child] }));
    const list = Buffer.from(
      JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.dockerManifestList, manifests: [child] }),
    );
    const config = Buffer.from(JSON.stringify({ architecture: 'amd64', config: {} }));
    const objects: StoredObject[] = [];
    await use(async (store) => {
      for (const bytes of [layer, image, list, config]) objects.push(await add(store, bytes));
      const secret = await add(store, bytesOf('secret', 10), 'restricted');
      await store.catalog.addLink(repository, secret.digest);
      objects.push(secret);
    });
    await rm(join(root(), 'catalog.db'));
    await use(async ({ catalog, whenRecovered }) => {
      await whenRecovered;
      const types = objects.map(({ digest }) => catalog.findContent(digest)?.mediaType);
      expect(types).toEqual([undefined, mediaTypes.ociManifest, mediaTypes.dockerManifestList, undefined, undefined]);
      for (const object of objects) expect(catalog.findContent(object.digest)).toMatchObject(object);
      expect(catalog.hasLink(repository, objects[4]?.digest ?? child.digest)).toBe(false);
      // What the manifest lists is known again, once it is known where the manifest belongs.
      await catalog.addLink(repository, objects[1]?.digest ?? child.digest);
      expect(catalog.findDescriptor(repository, child.digest)).toMatchObject({ sizeBytes: layer.length });
    });
  });

  test('content without a row, and a promotion cut in half, are put right after a crash', async () => {
    const stray = objectOf(bytesOf('stray', 10));
    const half = objectOf(bytesOf('half', 10), 'restricted');
    const twice = objectOf(bytesOf('twice', 10));
    await use(async (store) => {
      await store.content.put(stray, bytesOf('stray', 10));
      await add(store, bytesOf('half', 10), 'restricted');
      await store.content.promote(half);
      await store.content.put({ ...twice, provenance: 'restricted' }, bytesOf('twice', 10));
      await add(store, bytesOf('twice', 10));
    });
    // A -wal file at the start is how a killed process is known.
    await writeFile(join(root(), 'catalog.db-wal'), '');
    await use(async ({ content, catalog, whenRecovered }) => {
      await whenRecovered;
      expect(catalog.findContent(stray.digest)).toMatchObject(stray);
      expect(catalog.findContent(half.digest)?.provenance).toBe('public');
      expect(catalog.totals()).toEqual({ objects: 3, bytes: 30 });
      expect(await listNames(content)).toHaveLength(3);
    });
    expect(existsSync(join(root(), 'catalog.db-wal'))).toBe(false);
  });

  test('a search that was cut short by the end of the process is made again', async () => {
    await use(async (store) => {
      for (let index = 0; index < 100; index += 1)
        await store.content.put(objectOf(bytesOf(`${index}`, 5)), bytesOf(`${index}`, 5));
    });
    await rm(join(root(), 'catalog.db'));
    await use(() => Promise.resolve());
    await use(async ({ catalog, whenRecovered }) => {
      await whenRecovered;
      expect(catalog.totals().objects).toBe(100);
    });
  });
});
