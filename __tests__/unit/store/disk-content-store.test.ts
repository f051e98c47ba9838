import { describe, expect, test } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { mkdir, readFile, readdir, stat, symlink, truncate, unlink, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { ContentStore } from '../../../src/store/content-store.ts';
import { createDiskContentStore } from '../../../src/store/disk-content-store.ts';
import { createHashPool } from '../../../src/store/hash-pool.ts';
import { createStorePaths, type StorePaths } from '../../../src/store/paths.ts';
import { bytesOf, listNames, objectOf, useDirectory } from './fixtures.ts';

const megabyte = 1024 * 1024;

describe('the content store on disk', () => {
  const directory = useDirectory();

  async function useStore(run: (store: ContentStore, paths: StorePaths) => Promise<void>): Promise<void> {
    const paths = createStorePaths(join(directory(), 'cache'));
    await mkdir(paths.fills, { recursive: true });
    const hashes = createHashPool();
    try {
      await run(createDiskContentStore({ paths, hashes, onDamaged: () => Promise.resolve() }), paths);
    } finally {
      await hashes.close();
    }
  }

  test('objects lie where their digest says, for the owner alone', () =>
    useStore(async (store, paths) => {
      const bytes = bytesOf('a', 100);
      const object = objectOf(bytes, 'restricted');
      await store.put(object, bytes);
      const hex = object.digest.slice(7);
      const path = join(paths.root, 'blobs', 'restricted', 'sha256', hex.slice(0, 2), hex);
      expect(await readFile(path)).toEqual(Buffer.from(bytes));
      expect((await stat(path)).mode & 0o777).toBe(0o600);
      expect((await stat(dirname(path))).mode & 0o777).toBe(0o700);
      expect(await readdir(paths.fills)).toEqual([]);
    }));

  test('a link, a FIFO or a directory in the place of an object is no object', () =>
    useStore(async (store, paths) => {
      const bytes = bytesOf('a', 100);
      const object = objectOf(bytes);
      const path = paths.blob(object);
      await mkdir(dirname(path), { recursive: true });
      await writeFile(join(paths.root, 'elsewhere'), bytes);
      await symlink(join(paths.root, 'elsewhere'), path);
      expect(await store.open(object)).toBeUndefined();
      await unlink(path);
      execFileSync('/usr/bin/mkfifo', [path]);
      expect(await store.open(object)).toBeUndefined();
      await unlink(path);
      await mkdir(path);
      expect(await store.open(object)).toBeUndefined();
    }));

  test('files with names that are no digests are not listed', () =>
    useStore(async (store, paths) => {
      const bytes = bytesOf('a', 100);
      const object = objectOf(bytes);
      await store.put(object, bytes);
      await writeFile(join(dirname(paths.blob(object)), 'stray'), 'x');
      await mkdir(join(paths.blobs, 'public', 'sha256', 'zz'));
      await writeFile(join(paths.blobs, 'public', 'sha256', 'zz', object.digest.slice(7)), bytes);
      expect(await listNames(store)).toEqual([{ digest: object.digest, provenance: 'public' }]);
    }));

  test('garbage in place of a journal makes the partial file an empty one', () =>
    useStore(async (store, paths) => {
      const { digest } = objectOf(bytesOf('a', 100));
      for (const garbage of ['', '{', '\0\0\0', JSON.stringify({ version: 1, spans: [[0, -5]] })]) {
        await writeFile(paths.partial(digest), bytesOf('b', 100));
        await writeFile(paths.journal(digest), garbage);
        const partial = await store.begin(digest);
        expect(partial.recovered.spans).toEqual([]);
        expect(await partial.read(0, Buffer.alloc(10))).toBe(0);
        await partial.abort();
        await partial.close();
      }
    }));

  test('a journal whose file is gone tells nothing of the next one', () =>
    useStore(async (store, paths) => {
      const { digest } = objectOf(bytesOf('a', 100));
      await writeFile(paths.journal(digest), JSON.stringify({ version: 1, sizeBytes: 100, spans: [[0, 100]] }));
      for (let i = 0; i < 2; i++) {
        const partial = await store.begin(digest);
        expect(partial.recovered).toEqual({ spans: [], sizeBytes: undefined });
        await partial.park();
        await partial.close();
      }
      expect(await readdir(paths.fills)).not.toContain(basename(paths.journal(digest)));
    }));

  test('spans that a power cut took from the file are not recovered', () =>
    useStore(async (store, paths) => {
      const { digest } = objectOf(bytesOf('a', 1000));
      const partial = await store.begin(digest);
      await partial.write(0, bytesOf('a', 1000));
      const spans = [
        { start: 0, end: 600 },
        { start: 700, end: 1000 },
      ];
      await partial.saveJournal({ spans, sizeBytes: 1000 });
      await partial.park();
      await partial.close();
      await truncate(paths.partial(digest), 500);
      const again = await store.begin(digest);
      expect(again.recovered).toEqual({ spans: [{ start: 0, end: 500 }], sizeBytes: 1000 });
      await again.abort();
      await again.close();
    }));

  test('a journal is not written after the end, and the last of many stands', () =>
    useStore(async (store, paths) => {
      const { digest } = objectOf(bytesOf('a', 1000));
      const partial = await store.begin(digest);
      const saves = [1, 2, 3].map((end) => partial.saveJournal({ spans: [{ start: 0, end }], sizeBytes: undefined }));
      await Promise.all(saves);
      expect(await readFile(paths.journal(digest), 'utf8')).toContain('[[0,3]]');
      const late = partial.saveJournal({ spans: [{ start: 0, end: 4 }], sizeBytes: undefined });
      await partial.abort();
      await late;
      await partial.saveJournal({ spans: [], sizeBytes: undefined });
      await partial.close();
      expect(await readdir(paths.fills)).toEqual([]);
    }));

  test('bytes that a wrong size hint left behind the end are cut off', () =>
    useStore(async (store) => {
      const bytes = bytesOf('a', 2 * megabyte);
      const object = objectOf(bytes.subarray(0, megabyte));
      const partial = await store.begin(object.digest);
      await partial.write(0, bytes);
      expect(await partial.verify(megabyte)).toBe(true);
      await partial.commit(object);
      await partial.close();
      (await store.open(object))?.close();
      expect(await store.open(object).then((reader) => reader?.close() ?? 'open')).toBe('open');
    }));

  test('a commit that fails leaves a partial file that can be aborted', () =>
    useStore(async (store, paths) => {
      const bytes = bytesOf('a', 1000);
      const object = objectOf(bytes);
      // A file where a directory should be: the rename has no place to go.
      await mkdir(join(paths.blobs, 'public'), { recursive: true });
      await writeFile(join(paths.blobs, 'public', 'sha256'), '');
      const partial = await store.begin(object.digest);
      await partial.write(0, bytes);
      await expect(partial.commit(object)).rejects.toThrow();
      await expect(store.put(object, bytes)).rejects.toThrow();
      await partial.abort();
      await partial.close();
      expect(await readdir(paths.fills)).toEqual([]);
    }));

  test('a sparse file takes only the room of what was written', () =>
    useStore(async (store) => {
      const { digest } = objectOf(bytesOf('a', 10));
      const partial = await store.begin(digest);
      await partial.write(1024 * megabyte, bytesOf('a', 4096));
      await partial.saveJournal({ spans: [], sizeBytes: undefined });
      await partial.park();
      await partial.close();
      const [record] = await store.listLeftovers();
      expect(record?.heldBytes).toBeLessThan(megabyte);
    }));
});
