import { describe, expect, test } from '@jest/globals';
import { formatConfig } from '../../../src/config/effective.ts';
import { load, problemsOf } from './support.ts';

const digest = `sha256:${'ab'.repeat(32)}`;

describe('prefetch in a configuration', () => {
  test('is nothing by default', () => {
    const { prefetch } = load({});
    expect(prefetch).toEqual({ images: [], platforms: undefined, everyMs: 3_600_000, isAtStart: true, onPull: 'off' });
  });

  test('is resolved, and what is printed loads to the same', () => {
    const yaml = `
      cache: { path: /srv/cache }
      prefetch:
        images: [alpine:3.20, org/app, "b.lan/tools/a@${digest}", old.lan/x:v1]
        platforms: [linux/amd64, linux/arm/v7]
        every: 6h
        atStart: false
        onPull: layers
      upstreams: [{ name: docker.io }, { name: b.lan, aliases: [old.lan] }]`;
    const config = load({ yaml });
    const tag = (text: string) => ({ type: 'tag', tag: text });
    expect(config.prefetch).toEqual({
      images: [
        { upstream: 'docker.io', repository: 'library/alpine', reference: tag('3.20') },
        { upstream: 'docker.io', repository: 'org/app', reference: tag('latest') },
        { upstream: 'b.lan', repository: 'tools/a', reference: { type: 'digest', digest } },
        { upstream: 'b.lan', repository: 'x', reference: tag('v1') },
      ],
      platforms: [
        { os: 'linux', architecture: 'amd64' },
        { os: 'linux', architecture: 'arm', variant: 'v7' },
      ],
      everyMs: 6 * 3_600_000,
      isAtStart: false,
      onPull: 'layers',
    });
    expect(load({ yaml: formatConfig(config) })).toEqual(config);
  });

  test('may be of all platforms, and never again', () => {
    const config = load({ yaml: 'prefetch: { platforms: all, every: never }\ncache: { path: /srv/cache }' });
    expect(config.prefetch).toMatchObject({ platforms: 'all', everyMs: Infinity });
    expect(load({ yaml: formatConfig(config) })).toEqual(config);
  });

  test('may stand in the environment', () => {
    const environment = {
      STOWAGE__PREFETCH__IMAGES: 'alpine,docker.io/org/app:v1',
      STOWAGE__PREFETCH__PLATFORMS: 'linux/amd64',
      STOWAGE__PREFETCH__ON_PULL: 'layers',
    };
    const { images, platforms, onPull } = load({ environment }).prefetch;
    expect(images).toHaveLength(2);
    expect([platforms, onPull]).toEqual([[{ os: 'linux', architecture: 'amd64' }], 'layers']);
  });

  test('without a host is about the default upstream', () => {
    const { images } = load({ yaml: 'prefetch: { images: [a] }\nupstreams: [{ name: ghcr.io }]' }).prefetch;
    expect(images).toMatchObject([{ upstream: 'ghcr.io', repository: 'a' }]);
  });

  test.each([
    [
      '{ images: [quay.io/org/app] }',
      /^prefetch\.images\[0\]: expected an image of one .*, found "quay\.io\/org\/app"$/,
    ],
    ['{ images: [alpine, "ghcr.io/org/*"] }', /^prefetch\.images\[1\]: expected .*without \* in it, found/],
    ['{ images: ["no such//image::"] }', /^prefetch\.images\[0\]: expected an image/],
    ['{ images: ["me:geheim@docker.io/a"] }', /^prefetch\.images\[0\]: expected an image .*, found something else$/],
    ['{ images: [7] }', /^prefetch\.images\[0\]: expected an image/],
    ['{ images: [""] }', /^prefetch\.images\[0\]: expected an image/],
    ['{ images: alpine }', /^prefetch\.images: expected a list/],
    ['{ platforms: [linux] }', /^prefetch\.platforms\[0\]: expected a platform, as in .*, found "linux"$/],
    ['{ platforms: some }', /^prefetch\.platforms: expected .*platform/],
    ['{ platforms: [] }', /^prefetch\.platforms: expected all, or a list of platforms/],
    [
      '{ every: forever }',
      /^prefetch\.every: expected a duration.*, or never, at least 1m, at most 7d, found "forever"$/,
    ],
    ['{ every: 59s }', /^prefetch\.every: expected .*found "59s"$/],
    ['{ every: 8d }', /^prefetch\.every: expected .*found "8d"$/],
    ['{ onPull: index }', /^prefetch\.onPull: expected one of off, layers/],
    ['{ image: [alpine] }', /^prefetch\.image: expected a known key/],
  ])('%s is a problem at its place', (text, expected) => {
    const problems = problemsOf({ yaml: `prefetch: ${text}` });
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(expected);
  });
});
