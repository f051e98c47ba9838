import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { keyTree, type KeyNode } from '../../../src/config/key-tree.ts';
import { loadConfig } from '../../../src/config/load.ts';
import { valueAt } from '../../../src/config/tree.ts';
import { findProjectRoot } from './project-root.ts';

const root = findProjectRoot(dirname(fileURLToPath(import.meta.url)));
const read = (name: string) => readFileSync(join(root, name), 'utf8');

interface DocumentedKey {
  readonly path: string;
  readonly defaultCell: string;
}

/** Rows of all tables whose columns are key, type, default, meaning. */
function listDocumentedKeys(): readonly DocumentedKey[] {
  return read('docs/configuration.md')
    .split('\n')
    .map((line) => line.split('|').map((cell) => cell.trim()))
    .filter((cells) => cells.length === 6 && cells[1]?.startsWith('`'))
    .map(([, key = '', , defaultCell = '']) => ({ path: key.replaceAll('`', ''), defaultCell }));
}

interface SchemaKey {
  readonly path: string;
  readonly steps: readonly string[];
  readonly defaultValue: unknown;
}

/** Everything one can write a value to. */
function listSchemaKeys(node: KeyNode, path: string, steps: readonly string[]): readonly SchemaKey[] {
  if (node.keys !== undefined) {
    return [...node.keys].flatMap(([key, below]) =>
      listSchemaKeys(below, path === '' ? key : `${path}.${key}`, [...steps, key]),
    );
  }
  const isListOfMaps = node.items?.keys !== undefined;
  const own = path === 'upstreams' ? [] : [{ path, steps, defaultValue: node.defaultValue }];
  return isListOfMaps && node.items ? [...own, ...listSchemaKeys(node.items, `${path}[]`, [...steps, '[]'])] : own;
}

const schemaKeys = listSchemaKeys(keyTree(), '', []);

test('every key is documented, and no other', () => {
  const documented = listDocumentedKeys().map(({ path }) => path);
  expect(documented.toSorted()).toEqual(schemaKeys.map(({ path }) => path).toSorted());
});

test('every default is documented as it is', () => {
  const documented = new Map(listDocumentedKeys().map(({ path, defaultCell }) => [path, defaultCell]));
  const fixed = schemaKeys.filter(({ defaultValue }) => defaultValue !== undefined);
  expect(fixed.length).toBeGreaterThan(25);
  for (const { path, defaultValue } of fixed) {
    const text = typeof defaultValue === 'string' ? defaultValue : JSON.stringify(defaultValue);
    expect([path, documented.get(path)]).toEqual([path, `\`${text}\``]);
  }
});

test('the default of upstreams is documented as it is', () => {
  const defaultValue = keyTree().keys?.get('upstreams')?.defaultValue;
  expect(read('docs/configuration.md')).toContain(
    `\`upstreams\` itself is a list, by default \`${JSON.stringify(defaultValue)}\``,
  );
});

test('the example file is what holds without it', () => {
  const example = loadConfig({ file: join(root, 'mirror.config.yaml'), environment: {}, directory: '/nowhere' });
  expect(example).toEqual(loadConfig({ environment: {}, directory: '/nowhere' }));
});

test('the example file spells out every default', () => {
  const example: unknown = parse(read('mirror.config.yaml'));
  const expected = schemaKeys.filter(({ defaultValue, path }) => defaultValue !== undefined && !path.includes('[]'));
  const missing = expected.filter(({ steps }) => valueAt(example, steps) === undefined);
  expect(missing.map(({ path }) => path)).toEqual([]);
});
