import { describe, expect, test } from '@jest/globals';
import { open, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createHashPool, type HashPool, type HashedFile } from '../../../src/store/hash-pool.ts';
import { bytesOf, digestOf, useDirectory } from './fixtures.ts';

const megabyte = 1024 * 1024;

describe('the hash pool', () => {
  const directory = useDirectory();

  async function useFiles(
    contents: readonly Uint8Array[],
    run: (files: readonly HashedFile[], pool: HashPool) => Promise<void>,
    algorithm: 'sha256' | 'sha512' = 'sha256',
  ): Promise<void> {
    const pool = createHashPool({ workers: 1 });
    const paths = contents.map((_, index) => join(directory(), String(index)));
    await Promise.all(contents.map((bytes, index) => writeFile(paths[index] ?? '', bytes)));
    const handles = await Promise.all(paths.map((path) => open(path)));
    const files = handles.map(({ fd }) => pool.openFile(fd, algorithm));
    try {
      await run(files, pool);
      await Promise.all(files.map((file) => file.close()));
    } finally {
      await Promise.all(handles.map((handle) => handle.close()));
      await pool.close();
    }
  }

  test('a small file does not wait for a large one', () =>
    useFiles([bytesOf('large', 64 * megabyte), bytesOf('small', megabyte)], async ([large, small]) => {
      large?.advance(64 * megabyte);
      const order: string[] = [];
      const whole = large?.digestUpTo(64 * megabyte).then((hex) => {
        order.push('large');
        return hex;
      });
      const part = small?.digestUpTo(megabyte).then((hex) => {
        order.push('small');
        return hex;
      });
      expect(`sha256:${await part}`).toBe(digestOf(bytesOf('small', megabyte)));
      expect(`sha256:${await whole}`).toBe(digestOf(bytesOf('large', 64 * megabyte)));
      expect(order).toEqual(['small', 'large']);
    }));

  test('sha512 works as sha256 does', () =>
    useFiles(
      [bytesOf('a', 100)],
      async ([file]) => {
        expect(`sha512:${await file?.digestUpTo(100)}`).toBe(digestOf(bytesOf('a', 100), 'sha512'));
      },
      'sha512',
    ));

  test('many prefixes of one file are asked for at once, in any order', () => {
    const bytes = bytesOf('a', 3 * megabyte);
    return useFiles([bytes], async ([file]) => {
      const ends = [3 * megabyte, 0, 17, megabyte, megabyte + 1, 2 * megabyte, 17];
      const found = await Promise.all(ends.map(async (end) => file?.digestUpTo(end)));
      expect(found.map((hex) => `sha256:${hex}`)).toEqual(ends.map((end) => digestOf(bytes.subarray(0, end))));
    });
  });

  test('bytes that are not on the file fail the digest', () =>
    useFiles([bytesOf('a', 100)], async ([file]) => {
      await expect(file?.digestUpTo(101)).rejects.toMatchObject({ code: 'SHORT_FILE' });
    }));

  test('a file that was cut since fails a second pass over it', () =>
    useFiles([bytesOf('a', 2 * megabyte)], async ([file]) => {
      await file?.digestUpTo(2 * megabyte);
      await truncate(join(directory(), '0'), 10);
      await expect(file?.fork(megabyte)).rejects.toMatchObject({ code: 'SHORT_FILE' });
    }));

  test('closing a file ends what is asked of it', () =>
    useFiles([bytesOf('a', 64 * megabyte)], async ([file]) => {
      const asked = expect(file?.digestUpTo(64 * megabyte)).rejects.toThrow('closed');
      await file?.close();
      await asked;
    }));

  test('closing the pool ends what is asked of it', () =>
    useFiles([bytesOf('a', 64 * megabyte)], async ([file], pool) => {
      const asked = expect(file?.digestUpTo(64 * megabyte)).rejects.toThrow('ended');
      await pool.close();
      await asked;
      expect(() => pool.openFile(0, 'sha256')).toThrow('closed');
    }));

  test('the buffer of an update is free when it resolves', () =>
    useFiles([bytesOf('a', 10)], async ([file]) => {
      const stream = await file?.fork(0);
      const buffer = Buffer.from('first');
      await stream?.update(buffer);
      buffer.write('other');
      expect(await stream?.matches(digestOf(Buffer.from('first')))).toBe(true);
      await expect(stream?.update(buffer)).rejects.toThrow('ended');
    }));
});
