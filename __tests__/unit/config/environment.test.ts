import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { formatVariable, parseVariable } from '../../../src/config/environment.ts';
import { keyTree, type KeyNode } from '../../../src/config/key-tree.ts';
import { load, problemsOf } from './support.ts';

test('every key of the schema has one variable, which names it and nothing else', () => {
  const paths = listPaths(keyTree(), []);
  expect(paths.length).toBeGreaterThan(50);
  expect(new Set(paths.map(formatVariable)).size).toBe(paths.length);
  for (const path of paths) expect(parseVariable(formatVariable(path))).toEqual(path);
});

test('any camel-case path goes there and back', () => {
  const word = fc.stringMatching(/^[a-z][a-z0-9]{0,5}$/);
  const key = fc
    .tuple(word, fc.array(fc.stringMatching(/^[A-Z][a-z]{1,5}$/), { maxLength: 3 }))
    .map(([first, others]) => [first, ...others].join(''));
  fc.assert(
    fc.property(fc.array(fc.oneof(key, fc.nat({ max: 9999 })), { minLength: 1, maxLength: 5 }), (path) => {
      expect(parseVariable(formatVariable(path))).toEqual(path);
    }),
  );
});

test('whatever a variable is called, it is a path or a problem that names it, never an exception', () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[A-Za-z0-9_]{0,20}$/), (rest) => {
      const variable = `STOWAGE__${rest}`;
      const problems = problemsOf({ environment: { [variable]: '\u0000' } });
      expect(problems.every((problem) => problem.startsWith(variable))).toBe(true);
    }),
    { numRuns: 50 },
  );
});

describe('variables', () => {
  test('win over the file', () => {
    const config = load({
      yaml: 'cache: { maxSize: 1GiB, minFree: 2GiB }',
      environment: { STOWAGE__CACHE__MAX_SIZE: '3GiB' },
    });
    expect(config.cache).toMatchObject({ maxSizeBytes: 3 * 2 ** 30, minFreeBytes: 2 * 2 ** 30 });
  });

  test('set numbers, flags and lists', () => {
    const config = load({
      environment: {
        STOWAGE__CATALOG: 'true',
        STOWAGE__FILL__MAX_CONNECTIONS: '8',
        STOWAGE__LISTEN: '127.0.0.1:1, [::1]:2',
        STOWAGE__ADMIN__HOSTS: 'admin.lan',
        STOWAGE__CACHE__MAX_SIZE: '0',
      },
    });
    expect(config.catalog).toBe(true);
    expect(config.fill.maxConnections).toBe(8);
    expect(config.listen.map(({ port }) => port)).toEqual([1, 2]);
    expect(config.admin.hosts).toEqual(['admin.lan']);
    expect(config.cache.maxSizeBytes).toBe(0);
  });

  test('speak of Docker Hub where the file has no upstreams', () => {
    const [upstream] = load({
      environment: {
        STOWAGE__UPSTREAMS__0__USERNAME: 'me',
        STOWAGE__UPSTREAMS__0__PASSWORD_ENV: 'HUB_TOKEN',
        HUB_TOKEN: 'x',
      },
    }).upstreams;
    expect(upstream).toMatchObject({ name: 'docker.io', urls: [{ login: { username: 'me' } }] });
  });

  test('add upstreams, more than ten of them', () => {
    const added = Array.from({ length: 12 }, (_, index) => [`STOWAGE__UPSTREAMS__${index}__NAME`, `r${index}.io`]);
    const { upstreams } = load({ environment: Object.fromEntries(added) as Record<string, string> });
    expect(upstreams.map(({ name }) => name)).toEqual(added.map(([, name]) => name));
  });

  test('that are empty count as not set', () => {
    expect(load({ environment: { STOWAGE__PUBLIC_URL: '' } }).publicUrl).toBeUndefined();
  });

  test('with one underscore are not looked at, nor is the admin URL', () => {
    const environment = {
      STOWAGE_PORT: 'tcp://10.0.0.1:5000',
      STOWAGE_SERVICE_HOST: 'x',
      STOWAGE__ADMIN__URL: 'http://127.0.0.1:5080',
    };
    expect(problemsOf({ environment })).toEqual([]);
  });

  test.each([
    'STOWAGE__',
    'STOWAGE__CACHE__SIZE',
    'STOWAGE__CACHE___PATH',
    'STOWAGE__Cache__PATH',
    'STOWAGE__LISTEN__X',
  ])('%s names no key, which is a mistake', (variable) => {
    expect(problemsOf({ environment: { [variable]: 'x' } })).toEqual([
      `${variable}: expected a variable of a known key: two underscores separate levels, one stands before a capital`,
    ]);
  });

  test('of a map or a list of maps are a mistake', () => {
    expect(problemsOf({ environment: { STOWAGE__CACHE: '{}', STOWAGE__UPSTREAMS: 'docker.io' } })).toEqual([
      'STOWAGE__CACHE: expected a variable for each key below it: STOWAGE__CACHE__…',
      'STOWAGE__UPSTREAMS: expected a variable for each key below it: STOWAGE__UPSTREAMS__0__…',
    ]);
  });

  test('that skip an entry are a mistake', () => {
    expect(problemsOf({ environment: { STOWAGE__UPSTREAMS__2__NAME: 'a.io' } })).toEqual([
      'STOWAGE__UPSTREAMS__2__NAME: expected the entries of a list to be numbered from 0, without a gap',
    ]);
  });

  test('are named where their value does not fit', () => {
    const environment = {
      STOWAGE__LOG__LEVEL: 'loud',
      STOWAGE__CATALOG: 'maybe',
      STOWAGE__ADMIN__LISTEN: '127.0.0.1:5,x',
    };
    expect(problemsOf({ environment }).map((problem) => problem.split(':')[0])).toEqual([
      'STOWAGE__CATALOG',
      'STOWAGE__ADMIN__LISTEN',
      'STOWAGE__LOG__LEVEL',
    ]);
  });
});

function listPaths(node: KeyNode, path: readonly (string | number)[]): (readonly (string | number)[])[] {
  if (node.keys !== undefined) return [...node.keys].flatMap(([key, below]) => listPaths(below, [...path, key]));
  if (node.items?.keys !== undefined) return listPaths(node.items, [...path, 0]);
  return [path];
}
