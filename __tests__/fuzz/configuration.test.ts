// What stands in the configuration and its variables: an operator's mistakes, and files that are none.
import { afterAll, beforeAll, describe, expect } from '@jest/globals';
import fc from 'fast-check';
import { writeFile } from 'node:fs/promises';
import { loadConfig } from '../../src/config/load.ts';
import { ConfigError, formatProblem } from '../../src/config/problem.ts';
import {
  formatDuration,
  formatSize,
  parseDuration,
  parseListenAddress,
  parseSize,
  UnitError,
} from '../../src/config/units.ts';
import { formatYaml, parseYaml } from '../../src/config/yaml-text.ts';
import { createDirectory } from '../unit/config/support.ts';
import { anyText, expectNoPollution, fuzz, textOf } from './fuzz.ts';

describe('a configuration', () => {
  const keys = [
    'listen',
    'cache',
    'upstreams',
    'admin',
    'fill',
    'egress',
    'name',
    'url',
    'path',
    'maxSize',
    '__proto__',
    'constructor',
  ];
  const signs = [
    ':',
    ': ',
    '\n',
    '  ',
    '\n  ',
    '- ',
    '[',
    ']',
    '{',
    '}',
    '&a',
    '*a',
    '!!js/function',
    '|',
    '"',
    "'",
    '#',
    '\t',
    '---\n',
    ',',
  ];
  const values = [
    '5GiB',
    '10s',
    '127.0.0.1:5000',
    'docker.io',
    'https://x.test',
    'null',
    'true',
    '~',
    '0x1f',
    '1e9',
    '.inf',
  ];
  const yaml = fc.oneof({ arbitrary: textOf(...keys, ...signs, ...values), weight: 4 }, fc.jsonValue().map(formatYaml));
  const variable = fc.constantFrom(
    'CACHE__MAX_SIZE',
    'LISTEN',
    'UPSTREAMS__0__NAME',
    'UPSTREAMS__9__URL',
    '__PROTO____X',
    'CACHE',
  );
  const environment = fc.dictionary(
    variable.map((name) => `STOWAGE__${name}`),
    anyText(20),
    { maxKeys: 2 },
  );
  let directory: ReturnType<typeof createDirectory>;
  beforeAll(() => {
    directory = createDirectory();
  });
  afterAll(() => directory.remove());

  fuzz(
    'is read, or every problem is told in lines that are safe to print',
    fc.tuple(yaml, environment),
    async ([text, variables]) => {
      await writeFile(`${directory.path}/mirror.config.yaml`, text);
      try {
        const config = loadConfig({ environment: variables, directory: directory.path });
        expect(config.upstreams.length).toBeGreaterThan(0);
      } catch (error) {
        if (!(error instanceof ConfigError)) throw error;
        expect(error.problems.length).toBeGreaterThan(0);
        for (const problem of error.problems) expect(formatProblem(problem)).not.toMatch(/(?![\n\t])\p{Cc}/u);
      }
      expectNoPollution();
    },
    400,
  );

  fuzz(
    'that is nested or unfolds without end is no YAML',
    fc.tuple(fc.constantFrom('[', '{a: ', '- ', '? ', '!a ', '&a [', '"', '- - '), fc.nat(20_000)),
    ([piece, count]) => {
      expect(() => parseYaml(piece.repeat(count), 'file')).not.toThrow();
    },
    30,
  );

  fuzz(
    'has units that are read as they are written',
    textOf('5', '10', 's', 'm', 'h', 'd', 'ms', 'GiB', 'MB', 'k', ' ', '.', '-', 'e3'),
    (text) => {
      for (const [parse, format] of [
        [parseDuration, formatDuration],
        [parseSize, formatSize],
      ] as const) {
        const value = valueOf(() => parse(text));
        if (value === undefined) continue;
        expect([Number.isSafeInteger(value), value >= 0]).toEqual([true, true]);
        expect(parse(format(value))).toBe(value);
      }
    },
  );

  fuzz(
    'has addresses that a socket can be bound to',
    textOf('127.0.0.1', '[::]', ':', '5000', '70000', 'localhost', '0', '[', ']', '::1'),
    (text) => {
      const address = valueOf(() => parseListenAddress(text));
      if (address === undefined) return;
      expect([Number.isInteger(address.port), address.port >= 0, address.port <= 65_535]).toEqual([true, true, true]);
      expect(address.host).not.toMatch(/[\s[\]/]/);
    },
  );

  function valueOf<T>(parse: () => T): T | undefined {
    try {
      return parse();
    } catch (error) {
      if (error instanceof UnitError) return undefined;
      throw error;
    }
  }
});
