import { describe, expect, test } from '@jest/globals';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { findBreaches } from './support/architecture/check.ts';

/** These tests run from what tsc built; the sources are beside the nearest package.json upward. */
function findProjectRoot(): string {
  let directory = import.meta.dirname;
  while (!existsSync(join(directory, 'tsconfig.tests.json'))) {
    if (directory === dirname(directory)) throw new Error('no project root above this file');
    directory = dirname(directory);
  }
  return directory;
}

function readSources(): Map<string, string> {
  const root = join(findProjectRoot(), 'src');
  const paths = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((path) => /\.tsx?$/.test(path));
  return new Map(
    paths.map((path) => [
      relative(root, join(root, path)).split(sep).join('/'),
      readFileSync(join(root, path), 'utf8'),
    ]),
  );
}

describe('the program', () => {
  test('has the shape that the design gives it', () => {
    const sources = readSources();
    expect(sources.size).toBeGreaterThan(0);
    expect(findBreaches(sources)).toEqual([]);
  });
});

/** Breaches of a made-up program; files that are only imported need no content. */
function breachesOf(files: Readonly<Record<string, string>>): string[] {
  return findBreaches(new Map(Object.entries(files)));
}

describe('the check of the shape', () => {
  const store = { 'store/disk.ts': 'export const disk = 1;\n' };

  test('lets allowed imports pass', () => {
    expect(
      breachesOf({
        ...store,
        'mirror/fill.ts':
          "// why\nimport type { Disk } from '../store/disk.ts';\nimport { hash } from 'node:crypto';\n",
        'upstream/transport.ts': "import {\n  request,\n} from 'undici';\n",
        'main.ts': "import { run } from './runtime.ts';\nawait import('./compose.ts');\n",
        'runtime.ts': "import { spawn } from 'node:child_process';\n",
        'compose.ts': "import { disk } from './store/disk.ts';\n",
        'ui/page.tsx': "import { render } from 'preact';\nimport type { Disk } from '../admin/types.ts';\n",
        'admin/types.ts': '',
      }),
    ).toEqual([]);
  });

  test.each<[string, Record<string, string>, string]>([
    [
      'an arrow that the table lacks',
      { ...store, 'oci/a.ts': "import { disk } from '../store/disk.ts';\n" },
      'oci may not import store',
    ],
    [
      'a type from a part that is out of bounds',
      { ...store, 'http/a.ts': "import type { D } from '../store/disk.ts';\n" },
      'http may not import store',
    ],
    [
      'a value where only types are allowed',
      { ...store, 'mirror/a.ts': "import { disk } from '../store/disk.ts';\n" },
      'only types of store',
    ],
    [
      'a value hidden among types',
      { ...store, 'mirror/a.ts': "import { type D, disk } from '../store/disk.ts';\n" },
      'only types of store',
    ],
    [
      'an import over several lines',
      { ...store, 'oci/a.ts': "import {\n  disk,\n} from '../store/disk.ts';\n" },
      'oci may not import store',
    ],
    [
      'a dynamic import',
      { ...store, 'oci/a.ts': "const x = await import('../store/disk.ts');\n" },
      'oci may not import store',
    ],
    ['a dynamic import of a computed name', { 'cli/a.ts': 'const x = await import(name);\n' }, 'computed name'],
    [
      'an import for its side effect',
      { ...store, 'oci/a.ts': "import '../store/disk.ts';\n" },
      'oci may not import store',
    ],
    [
      'a library away from home',
      { 'mirror/a.ts': "import { request } from 'undici';\n" },
      'undici has its home in upstream',
    ],
    [
      'a value of the API on the page',
      { 'ui/a.tsx': "import { api } from '../admin/api.ts';\n", 'admin/api.ts': '' },
      'only types of admin',
    ],
    ['a library without a home', { 'mirror/a.ts': "import got from 'got';\n" }, 'got has no home'],
    [
      'a socket in the mirror',
      { 'mirror/a.ts': "import type { Socket } from 'node:net';\n" },
      'mirror may not know node:net',
    ],
    [
      'a file in http',
      { 'http/a.ts': "import { open } from 'node:fs/promises';\n" },
      'http may not know node:fs/promises',
    ],
    [
      'an import of compose by anyone but main',
      { 'cli/a.ts': "import { c } from '../compose.ts';\n", 'compose.ts': '' },
      'cli may not import compose',
    ],
    ['a folder that the design does not know', { 'utils/a.ts': '' }, 'utils is no part'],
    ['a file that is not there', { 'oci/a.ts': "import { b } from './b.ts';\n" }, './b.ts does not exist'],
    ['a default export', { 'oci/a.ts': 'export default 1;\n' }, 'default export'],
    [
      'a default export under another name',
      { 'oci/a.ts': 'const a = 1;\nexport { a as default };\n' },
      'default export',
    ],
    ['a file named index', { 'oci/index.ts': '' }, 'barrels'],
    ['a re-export', { 'oci/a.ts': "export type { B } from './b.ts';\n", 'oci/b.ts': '' }, 'barrels'],
    ['a long file', { 'oci/a.ts': '\n'.repeat(301) }, '301 lines'],
    [
      'a cycle',
      { 'oci/a.ts': "import { b } from './b.ts';\n", 'oci/b.ts': "import type { A } from './a.ts';\n" },
      'cycle: oci/a.ts → oci/b.ts → oci/a.ts',
    ],
  ])('refuses %s', (_what, files, breach) => {
    expect(breachesOf(files)).toEqual([expect.stringContaining(breach)]);
  });
});
