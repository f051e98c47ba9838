import { describe, expect, test } from '@jest/globals';
import { OpenFiles } from '../../../src/store/open-files.ts';

describe('a file that is deleted', () => {
  test('lingers until the last who reads it is done', () => {
    const files = new OpenFiles();
    const [close, closeOther] = [files.opened('a'), files.opened('a')];
    files.deleted('a', 100);
    expect(files.lingeringBytes).toBe(100);
    close();
    expect(files.lingeringBytes).toBe(100);
    close();
    expect(files.lingeringBytes).toBe(100);
    closeOther();
    expect(files.lingeringBytes).toBe(0);
    closeOther();
    expect(files.lingeringBytes).toBe(0);
  });

  test('does not linger when nobody reads it, or nobody any more', () => {
    const files = new OpenFiles();
    files.deleted('a', 100);
    files.opened('a')();
    files.deleted('a', 100);
    expect(files.lingeringBytes).toBe(0);
  });

  test('is not the one that comes in its place', () => {
    const files = new OpenFiles();
    const close = files.opened('a');
    files.deleted('a', 100);
    const closeNext = files.opened('a');
    files.deleted('a', 30);
    expect(files.lingeringBytes).toBe(130);
    close();
    expect(files.lingeringBytes).toBe(30);
    const third = files.opened('a');
    closeNext();
    expect(files.lingeringBytes).toBe(0);
    // The one that is there is still known.
    files.deleted('a', 7);
    expect(files.lingeringBytes).toBe(7);
    third();
    expect(files.lingeringBytes).toBe(0);
  });

  test('is each for itself', () => {
    const files = new OpenFiles();
    const closers = ['a', 'b', 'c'].map((path) => files.opened(path));
    files.deleted('a', 1);
    files.deleted('b', 10);
    expect(files.lingeringBytes).toBe(11);
    for (const close of closers) close();
    expect(files.lingeringBytes).toBe(0);
  });
});

describe('a file that is renamed', () => {
  test('is known by its new name, to those too who opened it by the old', () => {
    const files = new OpenFiles();
    const close = files.opened('a');
    files.renamed('a', 'b', 100);
    const closeLater = files.opened('b');
    files.deleted('a', 100);
    expect(files.lingeringBytes).toBe(0);
    files.deleted('b', 100);
    expect(files.lingeringBytes).toBe(100);
    close();
    expect(files.lingeringBytes).toBe(100);
    closeLater();
    expect(files.lingeringBytes).toBe(0);
  });

  test('makes what had its name linger', () => {
    const files = new OpenFiles();
    const closeOld = files.opened('b');
    const close = files.opened('a');
    files.renamed('a', 'b', 100);
    expect(files.lingeringBytes).toBe(100);
    closeOld();
    expect(files.lingeringBytes).toBe(0);
    files.deleted('b', 40);
    expect(files.lingeringBytes).toBe(40);
    close();
    expect(files.lingeringBytes).toBe(0);
  });

  test('and closed is forgotten under either name', () => {
    const files = new OpenFiles();
    const close = files.opened('a');
    files.renamed('a', 'b', 100);
    close();
    files.deleted('b', 100);
    files.deleted('a', 100);
    expect(files.lingeringBytes).toBe(0);
  });
});
