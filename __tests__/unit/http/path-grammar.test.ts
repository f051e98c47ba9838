import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { createAddressIndex } from '../../../src/http/address-book.ts';
import { parseRoute, type Route } from '../../../src/http/route.ts';
import { MirrorError } from '../../../src/oci/errors.ts';
import { addresses } from './harness.ts';

const index = createAddressIndex(addresses);
const sha256 = `sha256:${'ab'.repeat(32)}`;

function route(target: string, host?: string): Route {
  return parseRoute({ method: 'GET', target, host }, index);
}

function kindOf(target: string, method = 'GET'): string {
  try {
    parseRoute({ method, target, host: undefined }, index);
    return 'none';
  } catch (error) {
    return error instanceof MirrorError ? error.kind : `not a MirrorError: ${String(error)}`;
  }
}

describe('the grammar of paths', () => {
  test.each([
    '/v2/../../etc/passwd/manifests/x',
    '/v2/a/../b/manifests/x',
    '/v2/%2e%2e/b/manifests/x',
    '/v2/a%2fb/manifests/x',
    '/v2/a%252fb/manifests/x',
    '/v2/a%5cb/manifests/x',
    '/v2/a\\b/manifests/x',
    '/v2/a%00/manifests/x',
    '/v2/a\0/manifests/x',
    '/v2/a%c0%af/manifests/x',
    '/v2//a/manifests/x',
    '/v2/a//manifests/x',
    '/v2/A/manifests/x',
    '/v2/a..b/manifests/x',
    '/v2/-a/manifests/x',
    '/v2/evil.com:443/a/manifests/x',
    '/v2/a:b/manifests/x',
    `/v2/${'a'.repeat(10_000)}/manifests/x`,
    'http://evil/v2/a/manifests/x',
    '*',
    '',
  ])('the name in %s is invalid', (target) => {
    expect(kindOf(target)).toBe('name-invalid');
  });

  test.each([
    'sha256:AB',
    `sha256:${'AB'.repeat(32)}`,
    `sha256:${'ab'.repeat(31)}`,
    `sha1:${'ab'.repeat(20)}`,
    `md5:${'ab'.repeat(16)}`,
    'sha256:../../x',
    `${sha256}%0a`,
    `${sha256}\n`,
    `sha512:${'ab'.repeat(32)}`,
    'sha256:baddigeststring',
    'uploads',
  ])('the digest %s is invalid', (digest) => {
    expect(kindOf(`/v2/o/r/blobs/${digest}`)).toBe('digest-invalid');
    expect(kindOf(`/v2/o/r/referrers/${digest}`)).toBe('digest-invalid');
  });

  test.each(['..', '.a', '-a', 'a%2fb', 'a b', '%00', 'a'.repeat(129), 'é'])('the tag %s is invalid', (tag) => {
    expect(kindOf(`/v2/o/r/manifests/${tag}`)).toBe('tag-invalid');
  });

  test('hostile lengths are answered in no time', () => {
    const hostile = ['a-'.repeat(32_000), 'a'.repeat(64_000), `${'a_'.repeat(32_000)}!`, '%3a'.repeat(20_000)];
    for (const text of hostile) {
      expect(kindOf(`/v2/${text}/manifests/x`)).toBe('name-invalid');
      expect(kindOf(`/v2/o/r/manifests/${text}!`)).toMatch(/-invalid$/);
    }
  });

  const alphanumeric = fc.stringMatching(/^[a-z0-9]{1,6}$/);
  const separator = fc.constantFrom('.', '_', '__', '-', '--');
  const component = fc
    .tuple(alphanumeric, fc.array(fc.tuple(separator, alphanumeric), { maxLength: 3 }))
    .map(([first, others]) => first + others.map((pair) => pair.join('')).join(''));
  const repository = fc.array(component, { minLength: 2, maxLength: 4 }).map((parts) => parts.join('/'));
  const digest = fc.oneof(
    fc.stringMatching(/^[0-9a-f]{64}$/).map((hex) => `sha256:${hex}`),
    fc.stringMatching(/^[0-9a-f]{128}$/).map((hex) => `sha512:${hex}`),
  );

  test('every valid name, tag and digest arrives as it was sent', () => {
    fc.assert(
      fc.property(
        repository,
        fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/),
        digest,
        (name, tag, content) => {
          const byTag = route(`/v2/ghcr.io/${name}/manifests/${tag}`);
          expect(byTag).toEqual({
            namespace: undefined,
            endpoint: 'manifest',
            pull: { upstream: 'ghcr.io', repository: name, reference: { type: 'tag', tag } },
          });
          const blob = route(`/v2/${name}/blobs/${content}?ns=ghcr.io`);
          expect(blob).toEqual({
            namespace: 'ghcr.io',
            endpoint: 'blob',
            pull: { upstream: 'ghcr.io', repository: name, digest: content },
          });
        },
      ),
    );
  });

  test('whatever comes is answered with a route or a MirrorError', () => {
    const piece = fc.constantFrom(
      'v2',
      'manifests',
      'blobs',
      'tags',
      'list',
      'referrers',
      '..',
      '%2f',
      '',
      'a',
      sha256,
      '?',
      'ns=',
      '&',
      'docker.io',
      '\0',
      '%',
      '_catalog',
    );
    const target = fc.oneof(
      fc.string(),
      fc.array(fc.oneof(piece, fc.string()), { maxLength: 8 }).map((parts) => `/${parts.join('/')}`),
      fc.array(piece).map((parts) => `/${parts.join('')}`),
    );
    fc.assert(
      fc.property(target, fc.option(fc.string(), { nil: undefined }), (text, host) => {
        try {
          parseRoute({ method: 'GET', target: text, host }, index);
        } catch (error) {
          expect(error).toBeInstanceOf(MirrorError);
        }
      }),
      { numRuns: 2000 },
    );
  });
});

describe('parameters', () => {
  const tags = (query: string) => route(`/v2/o/r/tags/list${query}`);
  test.each([
    ['', undefined, undefined],
    ['?n=10', 10, undefined],
    ['?n=0', 0, undefined],
    ['?n=1000000000', 10_000, undefined],
    [`?n=${'9'.repeat(400)}`, 10_000, undefined],
    ['?last=v1.0', undefined, 'v1.0'],
    ['?last=', undefined, undefined],
    ['?n=5&last=v1&ns=ghcr.io', 5, 'v1'],
  ])('of the tags list, %s', (query, n, last) => {
    expect(tags(query)).toMatchObject({ endpoint: 'tags', pull: { n, last } });
  });

  test.each([
    '?n=-1',
    '?n=abc',
    '?n=',
    '?n=1e3',
    '?n=1.5',
    '?n=0x10',
    '?n=1&n=2',
    '?last=a&last=b',
    '?last=a%0d%0ab',
    '?n=%201',
  ])('a page %s is invalid', (query) => {
    expect(kindOf(`/v2/o/r/tags/list${query}`)).toBe('page-invalid');
  });

  test('one artifact type is a filter, several are none', () => {
    const pull = (query: string) => route(`/v2/o/r/referrers/${sha256}${query}`);
    expect(pull('?artifactType=a/b%2Bc')).toMatchObject({ pull: { artifactType: 'a/b+c' } });
    expect(pull('?artifactType=a&artifactType=b')).toMatchObject({ pull: { artifactType: undefined } });
    expect(pull('')).toMatchObject({ pull: { artifactType: undefined } });
  });

  test('a catalogue is that of the upstream that was addressed', () => {
    expect(route('/v2/_catalog?n=2&last=a/b')).toMatchObject({ upstream: undefined, page: { n: 2, last: 'a/b' } });
    expect(route('/v2/_catalog?ns=ghcr.io')).toMatchObject({ upstream: 'ghcr.io' });
    expect(kindOf(`/v2/_catalog?last=${'a'.repeat(513)}`)).toBe('page-invalid');
  });
});
