import { describe, expect, test } from '@jest/globals';
import { mkdir, readFile, readdir, rmdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makeDirectories, makeDirectory, probeDisk, readDisk, sweepFills } from '../../../src/store/directories.ts';
import { createStorePaths } from '../../../src/store/paths.ts';
import { bytesOf, digestOf, useDirectory } from './fixtures.ts';

const directory = useDirectory();
const paths = () => createStorePaths(join(directory(), 'data'));

describe('the directories', () => {
  test('are made, for the owner alone, and left as they are when they are there', async () => {
    expect(await makeDirectories(paths())).toBe(true);
    const file = join(paths().blobs, 'public', 'sha512', 'kept');
    await writeFile(file, 'x');
    expect(await makeDirectories(paths())).toBe(false);
    expect(await readFile(file, 'utf8')).toBe('x');
    const { fills, quarantine, blobs } = paths();
    const all = [fills, quarantine, blobs];
    for (const provenance of ['public', 'restricted']) {
      for (const algorithm of ['sha256', 'sha512']) all.push(join(blobs, provenance, algorithm));
    }
    for (const path of all) expect((await stat(path)).mode & 0o777).toBe(0o700);
  });

  test('those of usual content are there from the start, and made again when one is gone', async () => {
    await makeDirectories(paths());
    const usual = join(paths().blobs, 'public', 'sha256');
    await rmdir(join(usual, '7f'));
    await makeDirectories(paths());
    const names = await readdir(usual);
    expect(names).toHaveLength(256);
    expect(names).toContain('7f');
    expect((await stat(join(usual, '7f'))).mode & 0o777).toBe(0o700);
  });

  test('are made with all above them, and where they cannot be made that is said at once', async () => {
    const deep = join(paths().root, 'a', 'b');
    await Promise.all([makeDirectory(deep), makeDirectory(join(deep, 'c'))]);
    expect((await stat(join(deep, 'c'))).isDirectory()).toBe(true);
    await expect(makeDirectory('/proc/nowhere/deep')).rejects.toMatchObject({ code: 'ENOENT' });
  });

  test('are not made where a file is in their place', async () => {
    await mkdir(paths().root);
    await writeFile(paths().quarantine, '');
    await expect(makeDirectories(paths())).rejects.toMatchObject({ code: 'EEXIST' });
  });
});

describe('the sweep', () => {
  const names = (digest: ReturnType<typeof digestOf>) => {
    const base = paths().fills.length + 1;
    return [paths().partial(digest).slice(base), paths().journal(digest).slice(base)] as const;
  };

  async function sweep(files: readonly string[]): Promise<readonly string[]> {
    for (const name of files) await writeFile(join(paths().fills, name), 'x');
    await sweepFills(paths());
    return (await readdir(paths().fills)).toSorted();
  }

  test('keeps partial files with their journals, of both algorithms', async () => {
    await makeDirectories(paths());
    const kept = [digestOf(bytesOf('a', 1)), digestOf(bytesOf('b', 1), 'sha512')].flatMap(names);
    expect(await sweep(kept)).toEqual(kept.toSorted());
  });

  test('deletes a partial file without a journal, and a journal without its file', async () => {
    await makeDirectories(paths());
    const [part] = names(digestOf(bytesOf('a', 1)));
    const [, journal] = names(digestOf(bytesOf('b', 1)));
    expect(await sweep([part, journal])).toEqual([]);
  });

  test('deletes whatever has another name, also beside what is kept', async () => {
    await makeDirectories(paths());
    const [part, journal] = names(digestOf(bytesOf('a', 1)));
    const [longPart, longJournal] = names(digestOf(bytesOf('b', 1), 'sha512'));
    const garbage = [
      'put-1.tmp',
      'probe-1.tmp',
      `${journal}.tmp`,
      `${part}.old`,
      part.replace('.part', ''),
      part.replace('.part', '.tmp'),
      'sha256-abc.part',
      'sha256-abc.journal',
      'sha1-abc.part',
      'sha1-abc.journal',
      // The digits of one algorithm under the name of the other.
      longPart.replace('sha512', 'sha256'),
      longJournal.replace('sha512', 'sha256'),
      part.toUpperCase(),
      '.part',
      '.journal',
      'ä ö\\n',
    ];
    expect(await sweep([part, journal, ...garbage])).toEqual([part, journal].toSorted());
  });
});

describe('the disk', () => {
  test('says how much of it is free', async () => {
    await mkdir(paths().root);
    const { freeBytes, totalBytes } = await readDisk(paths());
    expect(freeBytes).toBeGreaterThan(0);
    expect(totalBytes).toBeGreaterThanOrEqual(freeBytes);
  });

  test('is probed without a trace', async () => {
    await makeDirectories(paths());
    await probeDisk(paths());
    expect(await readdir(paths().fills)).toEqual([]);
  });

  test('that refuses makes the probe fail, without a trace', async () => {
    await makeDirectories(paths());
    // Nothing can be renamed onto a directory.
    await mkdir(join(paths().fills, 'probe-2.tmp'));
    await expect(probeDisk(paths())).rejects.toThrow();
    expect(await readdir(paths().fills)).toEqual(['probe-2.tmp']);
    await expect(probeDisk(createStorePaths(join(directory(), 'absent')))).rejects.toMatchObject({ code: 'ENOENT' });
  });
});
