import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { formatConfig } from '../../../src/config/effective.ts';
import { findPin, parsePin, resolvePin } from '../../../src/config/pins.ts';
import { computeDigest } from '../../../src/oci/digest.ts';
import { formatPin, type Pin } from '../../../src/oci/pin.ts';
import { load, problemsOf } from './support.ts';

const sha256 = computeDigest('sha256', Buffer.from('a'));
const sha512 = computeDigest('sha512', Buffer.from('a'));

const upstreams = [
  { name: 'docker.io', aliases: ['index.docker.io'] },
  { name: 'ghcr.io', aliases: [] },
  { name: 'registry.lan:5000', aliases: ['old.lan'] },
];

/** What is meant by a pin as it is written. */
function resolve(text: string, options: { defaultName?: string } = { defaultName: 'docker.io' }): Pin | undefined {
  const written = findPin(text);
  if (written === undefined) throw new Error('not a pin');
  return resolvePin(written, upstreams, options.defaultName);
}

describe('a pin', () => {
  test.each([
    ['alpine', 'docker.io', 'library/alpine', undefined],
    ['alpine:3.20', 'docker.io', 'library/alpine', '3.20'],
    ['docker.io/alpine:3.20', 'docker.io', 'library/alpine', '3.20'],
    ['index.docker.io/alpine', 'docker.io', 'library/alpine', undefined],
    ['bitnami/redis', 'docker.io', 'bitnami/redis', undefined],
    ['library/alpine', 'docker.io', 'library/alpine', undefined],
    ['docker.io/*', 'docker.io', '*', undefined],
    ['*', 'docker.io', '*', undefined],
    ['alp*', 'docker.io', 'alp*', undefined],
    ['ghcr.io/org/*', 'ghcr.io', 'org/*', undefined],
    ['ghcr.io/org/app:v*', 'ghcr.io', 'org/app', 'v*'],
    ['ghcr.io/app', 'ghcr.io', 'app', undefined],
    ['registry.lan:5000/team/app', 'registry.lan:5000', 'team/app', undefined],
    ['registry.lan:5000/team/app:1.0', 'registry.lan:5000', 'team/app', '1.0'],
    ['old.lan/app:Latest_1', 'registry.lan:5000', 'app', 'Latest_1'],
  ])('%s is one of %s, %s', (text, upstream, repository, tag) => {
    expect(resolve(text)).toEqual({ type: 'image', upstream, repository, tag });
  });

  test.each([
    [sha256, sha256],
    [sha512, sha512],
    [`alpine@${sha256}`, sha256],
    [`ghcr.io/org/app@${sha512}`, sha512],
  ])('%s is one of a digest, wherever it is', (text, digest) => {
    expect(resolve(text, {})).toEqual({ type: 'digest', digest });
  });

  test('without a host is about the default upstream, whose short names are Docker Hub’s own', () => {
    expect(resolve('app:1', { defaultName: 'ghcr.io' })).toMatchObject({ upstream: 'ghcr.io', repository: 'app' });
    expect(resolve('app', {})).toBeUndefined();
  });

  test('of a host that is on no upstream means nothing', () => {
    expect(resolve('quay.io/org/app')).toBeUndefined();
  });

  test.each([
    '',
    ' ',
    '/',
    'a//b',
    '/a',
    'a/',
    'Alpine',
    'alpine:',
    'alpine:a b',
    'a:b:c',
    'sha256:abc',
    sha256.slice(0, -1),
    `${sha512}0`,
    sha256.toUpperCase(),
    sha256.replace(/[0-9a-f]{8}$/, 'ABCDEF00'),
    'a@sha256:abc',
  ])('%j is none', (text) => {
    expect(findPin(text)).toBeUndefined();
  });

  test('that an operator writes wrongly is told why it is none', () => {
    const listed = upstreams.map((upstream, index) => ({ ...upstream, isDefault: index === 0 }));
    expect(parsePin('alpine:3.*', listed)).toEqual(resolve('alpine:3.*'));
    const cases = [
      ['Alpine', /^"Alpine" is no pin: expected an image or a digest, as in /],
      ['quay.io/org/app', /^"quay.io\/org\/app" is no pin: its host is not among the upstreams$/],
      ['\n'.repeat(500), /^"(\\n){100}…" is no pin/],
    ] as const;
    for (const [text, message] of cases) {
      const error = { kind: 'name-invalid', message: expect.stringMatching(message) as unknown };
      expect(() => parsePin(text, listed)).toThrow(expect.objectContaining(error));
    }
  });

  test('is written so that it is read as the same', () => {
    const name = fc.stringMatching(/^[a-z0-9]{1,5}([._-][a-z0-9*]{1,5})?$/);
    const image = fc.record({
      type: fc.constant('image' as const),
      upstream: fc.constantFrom('docker.io', 'ghcr.io', 'registry.lan:5000'),
      repository: fc.array(name, { minLength: 2, maxLength: 4 }).map((parts) => parts.join('/')),
      tag: fc.option(fc.stringMatching(/^[A-Za-z0-9_.*-]{1,20}$/), { nil: undefined }),
    });
    const digest = fc.constantFrom(sha256, sha512).map((value) => ({ type: 'digest' as const, digest: value }));
    fc.assert(
      fc.property(fc.oneof(image, digest), (pin) => {
        expect(resolve(formatPin(pin))).toEqual(pin);
      }),
    );
  });
});

describe('in a configuration', () => {
  const yaml = `
    cache:
      maxIdle: 90d
      scrubEvery: 7d
      path: /srv/cache
      pins: [alpine:3.20, "ghcr.io/org/*", "ghcr.io/*", "old.lan/app:v*", "${sha256}"]
    upstreams: [{ name: docker.io }, { name: ghcr.io }, { name: a.lan, aliases: [old.lan] }]`;

  test('pins and times are resolved, and what is printed loads to the same', () => {
    const config = load({ yaml });
    expect(config.cache.pins).toEqual([
      { type: 'image', upstream: 'docker.io', repository: 'library/alpine', tag: '3.20' },
      { type: 'image', upstream: 'ghcr.io', repository: 'org/*', tag: undefined },
      { type: 'image', upstream: 'ghcr.io', repository: '*', tag: undefined },
      { type: 'image', upstream: 'a.lan', repository: 'app', tag: 'v*' },
      { type: 'digest', digest: sha256 },
    ]);
    expect([config.cache.maxIdleMs, config.cache.scrubEveryMs]).toEqual([90 * 86_400_000, 7 * 86_400_000]);
    const printed = formatConfig(config);
    expect(printed).toContain('docker.io/library/alpine:3.20');
    expect(load({ yaml: printed })).toEqual(config);
  });

  test('times may be for ever, and are printed so', () => {
    const config = load({ yaml: 'cache: { maxIdle: forever, scrubEvery: forever, path: /srv/cache }' });
    expect([config.cache.maxIdleMs, config.cache.scrubEveryMs]).toEqual([Infinity, Infinity]);
    const printed = formatConfig(config);
    expect(printed).toContain('maxIdle: forever');
    expect(printed).toContain('scrubEvery: forever');
    expect(load({ yaml: printed })).toEqual(config);
  });

  test('without upstreams it is Docker Hub that is meant', () => {
    const { pins } = load({ yaml: 'cache: { pins: [alpine, index.docker.io/bitnami/redis] }' }).cache;
    expect(pins).toMatchObject([
      { upstream: 'docker.io', repository: 'library/alpine' },
      { upstream: 'docker.io', repository: 'bitnami/redis' },
    ]);
  });

  test.each([
    ['cache: { pins: [quay.io/org/app] }', 'cache.pins[0]: expected an image of one of the upstreams, found quay.io'],
    [
      'cache: { pins: [alpine, ghcr.io/a/b] }\nupstreams: [{ name: docker.io }]',
      'cache.pins[1]: expected an image of one of the upstreams, found ghcr.io',
    ],
    ['cache: { pins: [Alpine] }', /^cache\.pins\[0\]: expected an image or a digest, .*, found "Alpine"$/],
    ['cache: { pins: [1] }', /^cache\.pins\[0\]: expected an image or a digest/],
    ['cache: { pins: alpine }', /^cache\.pins: expected a list/],
    ['cache: { scrubEvery: 59s }', /^cache\.scrubEvery: expected a duration.*at least 1m.*found "59s"$/],
    ['cache: { maxIdle: never }', /^cache\.maxIdle: expected a duration.*, or forever, found "never"$/],
  ])('%j is a problem at its place', (text, expected) => {
    const problems = problemsOf({ yaml: text });
    expect(problems).toHaveLength(1);
    if (typeof expected === 'string') expect(problems).toEqual([expected]);
    else expect(problems[0]).toMatch(expected);
  });
});
