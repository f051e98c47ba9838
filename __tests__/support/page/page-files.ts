import { existsSync, readFileSync } from 'node:fs';
import { dirname, extname, join } from 'node:path';

const contentTypes: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
};

/** A file of the built page; every path that is none is a view, whose file is `index.html`. */
export function readPageFile(path: string): { readonly bytes: Buffer; readonly contentType: string } {
  const directory = join(findProjectRoot(), 'dist', 'ui');
  const name = /^\/assets\/[\w.-]+$/.test(path) ? path : '/index.html';
  const contentType = contentTypes[extname(name)] ?? 'application/octet-stream';
  return { bytes: readFileSync(join(directory, name)), contentType };
}

/** Tests run from what tsc built; `dist` is beside the nearest `tsconfig.tests.json` upward. */
export function findProjectRoot(): string {
  let directory = import.meta.dirname;
  while (!existsSync(join(directory, 'tsconfig.tests.json'))) {
    if (directory === dirname(directory)) throw new Error('no project root above this file');
    directory = dirname(directory);
  }
  return directory;
}
