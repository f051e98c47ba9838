import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { parseChallenges } from '../../../src/upstream/challenge.ts';

const read = (header: string | readonly string[] | undefined) =>
  parseChallenges(header).map(({ scheme, parameters }) => [scheme, Object.fromEntries(parameters)]);

const token = fc.stringMatching(/^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,12}$/);
const value = fc.string({ maxLength: 40 });
const quote = (text: string) => `"${text.replace(/[\\"]/g, '\\$&')}"`;

describe('challenges', () => {
  test('are read as Docker Hub, Google and ECR write them', () => {
    expect(
      read('Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull,push"'),
    ).toEqual([
      [
        'bearer',
        { realm: 'https://auth.docker.io/token', service: 'registry.docker.io', scope: 'repository:a/b:pull,push' },
      ],
    ]);
    expect(read('Bearer realm="https://gcr.io/v2/token",service=gcr.io')).toEqual([
      ['bearer', { realm: 'https://gcr.io/v2/token', service: 'gcr.io' }],
    ]);
    expect(read('Bearer realm=https://public.ecr.aws/token/, scope = aws')).toEqual([
      ['bearer', { realm: 'https://public.ecr.aws/token/', scope: 'aws' }],
    ]);
  });

  test('may be several, in one header or in many', () => {
    const expected = [
      ['basic', { realm: 'a, b' }],
      ['bearer', { realm: 'x', service: 'y' }],
      ['negotiate', {}],
    ];
    expect(read('Basic realm="a, b", BEARER Realm="x",service=y, Negotiate')).toEqual(expected);
    expect(read(['Basic realm="a, b"', 'bearer realm=x, SERVICE="y"', 'Negotiate'])).toEqual(expected);
  });

  test('lose their escapes', () => {
    expect(read(String.raw`Basic realm="a \"b\" \\ c"`)).toEqual([['basic', { realm: String.raw`a "b" \ c` }]]);
  });

  test('of any shape survive being written and read', () => {
    const parameters = fc.dictionary(
      token.map((name) => name.toLowerCase()),
      value,
      { maxKeys: 4, noNullPrototype: true },
    );
    const challenge = fc.tuple(token, parameters);
    fc.assert(
      fc.property(fc.array(challenge, { maxLength: 4 }), fc.boolean(), (challenges, isOneHeader) => {
        const headers = challenges.map(([scheme, given]) => {
          const list = Object.entries(given).map(([name, text]) => `${name}=${quote(text)}`);
          return `${scheme} ${list.join(', ')}`;
        });
        const expected = challenges.map(([scheme, given]) => [scheme.toLowerCase(), given]);
        expect(read(isOneHeader ? headers.join(', ') : headers)).toEqual(expected);
      }),
    );
  });

  test('of garbage are no challenges, but no errors either', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'binary', maxLength: 200 }), { maxLength: 4 }), (headers) => {
        for (const { scheme } of parseChallenges(headers)) expect(scheme).not.toBe('');
      }),
    );
    expect(read(undefined)).toEqual([]);
    expect(read('')).toEqual([]);
    expect(read('=,=,"",,')).toEqual([]);
  });

  test('of 64 kB cost no more than their first 8 kB', () => {
    for (const piece of ['"', 'a=', 'a="\\', ',', ' a', 'Bearer realm="x",']) {
      expect(parseChallenges(piece.repeat(65_536)).length).toBeLessThanOrEqual(8 * 1024);
    }
  });
});
