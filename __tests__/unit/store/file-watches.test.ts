import { beforeEach, describe, expect, test } from '@jest/globals';
import { chmod, link, mkdir, open, rename, rm, truncate, unlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { FileWatches } from '../../../src/store/file-watches.ts';
import { useDirectory } from './fixtures.ts';

describe('a file that is watched', () => {
  const directory = useDirectory();
  let watches: FileWatches;
  let file: string;
  let other: string;

  beforeEach(async () => {
    watches = new FileWatches();
    await mkdir(join(directory(), 'ab'));
    [file, other] = ['file', 'other'].map((name) => join(directory(), 'ab', name)) as [string, string];
    await writeFile(file, 'content');
    await writeFile(other, 'content');
  });

  /** Resolves when the file's watch calls back. */
  function changeOf(path: string): Promise<void> {
    return new Promise((resolve, reject) => {
      if (watches.watch(path, resolve) === undefined) reject(new Error('it cannot be watched'));
    });
  }

  async function writeByte(): Promise<void> {
    const handle = await open(file, 'r+');
    await handle.write(Buffer.from('C'), 0, 1, 3);
    await handle.close();
  }

  test.each([
    ['one byte of it is written', writeByte],
    ['it is cut', () => truncate(file, 3)],
    ['it is deleted', () => unlink(file)],
    ['it gets another name', () => rename(file, `${file}.gone`)],
    ['another file takes its place', () => rename(other, file)],
    ['its times or rights change', () => chmod(file, 0o400)],
    ['its directory is deleted', () => rm(join(directory(), 'ab'), { recursive: true })],
    ['its directory gets another name', () => rename(join(directory(), 'ab'), join(directory(), 'cd'))],
  ])('is told of when %s', async (_what, act) => {
    const changed = changeOf(file);
    await act();
    await changed;
  });

  test('tells once, whoever watches, and is watched anew after that', async () => {
    let calls = 0;
    const all = [changeOf(file), changeOf(file)];
    watches.watch(file, () => (calls += 1));
    await writeByte();
    await Promise.all(all);
    expect(calls).toBe(1);
    const again = changeOf(file);
    await truncate(file, 1);
    await again;
    expect(calls).toBe(1);
  });

  test('is not told of what happens to others, nor when nobody wants to know any more', async () => {
    let calls = 0;
    const endWatch = watches.watch(file, () => (calls += 1));
    const others = changeOf(other);
    await link(other, `${other}.link`);
    await utimes(other, 1, 1);
    await others;
    expect(calls).toBe(0);
    endWatch?.();
    const last = changeOf(other);
    await unlink(file);
    await unlink(other);
    await last;
    expect(calls).toBe(0);
  });

  test('of a directory that is not there is not watched', () => {
    expect(watches.watch(join(directory(), 'nowhere', 'file'), () => {})).toBeUndefined();
  });
});
