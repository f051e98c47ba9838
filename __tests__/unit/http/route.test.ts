import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { createAddressIndex } from '../../../src/http/address-book.ts';
import { parseRoute, type Route } from '../../../src/http/route.ts';
import { MirrorError } from '../../../src/oci/errors.ts';
import { addresses } from './harness.ts';

const index = createAddressIndex(addresses);
const sha256 = `sha256:${'ab'.repeat(32)}`;
const sha512 = `sha512:${'cd'.repeat(64)}`;

function route(target: string, host?: string): Route {
  return parseRoute({ method: 'GET', target, host }, index);
}

function where(target: string, host?: string): string {
  const found = route(target, host);
  if (!('pull' in found)) return found.endpoint;
  return `${found.pull.upstream} ${found.pull.repository}`;
}

function kindOf(target: string, method = 'GET'): string {
  try {
    parseRoute({ method, target, host: undefined }, index);
    return 'none';
  } catch (error) {
    return error instanceof MirrorError ? error.kind : `not a MirrorError: ${String(error)}`;
  }
}

describe('endpoints', () => {
  test.each([
    ['/v2', 'base'],
    ['/v2/', 'base'],
    ['/v2/?ns=docker.io', 'base'],
    ['/docker.io/v2/', 'base'],
    ['/docker.io/v2', 'base'],
    ['/v2/_catalog', 'catalog'],
    ['/v2/a/manifests/latest', 'manifest'],
    [`/v2/a/manifests/${sha512}`, 'manifest'],
    [`/v2/a/blobs/${sha256}`, 'blob'],
    [`/v2/a/blobs/${sha256.replace(':', '%3A')}`, 'blob'],
    [`/v2/a/blobs/${sha256.replace(':', '%3a')}`, 'blob'],
    ['/v2/a/tags/list', 'tags'],
    [`/v2/a/referrers/${sha256}`, 'referrers'],
  ])('%s is %s', (target, endpoint) => {
    expect(route(target).endpoint).toBe(endpoint);
  });

  test.each([
    '/',
    '/favicon.ico',
    '/V2/',
    '/V2/a/manifests/x',
    '/v2/a',
    '/v2/a/',
    '/v2/a/b/c/d',
    '/v2/a/manifests/latest/',
    '/v2/a/manifests/',
    '/v2/a/Manifests/latest',
    `/v2/a/blobs/${sha256}/`,
    '/v2/a/tags',
    '/v2/a/tags/list/',
    '/v2/tags/list',
    '/v2/manifests/latest',
    '/v2/a/blobs/uploads/',
    '/v2/_catalog/',
    '/v3/a/manifests/x',
    '//v2/a/manifests/x/y',
  ])('nothing is served at %s', (target) => {
    expect(kindOf(target)).toBe('endpoint-unknown');
  });

  test.each(['blobs', 'manifests', 'tags', 'referrers', 'a/blobs', 'tags/list', 'manifests/blobs/tags'])(
    'a repository may be called %s',
    (name) => {
      expect(where(`/v2/ghcr.io/${name}/manifests/latest`)).toBe(`ghcr.io ${name}`);
      expect(where(`/v2/ghcr.io/${name}/tags/list`)).toBe(`ghcr.io ${name}`);
      expect(where(`/v2/ghcr.io/${name}/blobs/${sha256}`)).toBe(`ghcr.io ${name}`);
    },
  );

  test.each(['PUT', 'POST', 'PATCH', 'DELETE', 'OPTIONS', 'get', ''])('%s is refused wherever it goes', (method) => {
    expect(kindOf('/v2/a/manifests/latest', method)).toBe('method-unsupported');
    expect(kindOf('/nothing', method)).toBe('method-unsupported');
  });
});

describe('addressing', () => {
  const dialects: readonly (readonly [name: string, target: string, host: string | undefined])[] = [
    ['the namespace', '/v2/o/r/manifests/v1?ns=ghcr.io', undefined],
    ['the namespace in capitals', '/v2/o/r/manifests/v1?ns=GHCR.IO', undefined],
    ['the Host header', '/v2/o/r/manifests/v1', 'ghcr.mirror.lan'],
    ['the Host header with a port', '/v2/o/r/manifests/v1', 'GHCR.mirror.lan:5000'],
    ['a component after /v2', '/v2/ghcr.io/o/r/manifests/v1', undefined],
    ['a component before /v2', '/ghcr.io/v2/o/r/manifests/v1', undefined],
    ['the namespace and a component after /v2', '/v2/ghcr.io/o/r/manifests/v1?ns=ghcr.io', undefined],
    ['the namespace and a component before /v2', '/ghcr.io/v2/o/r/manifests/v1?ns=ghcr.io', undefined],
    ['the Host header and a component after /v2', '/v2/ghcr.io/o/r/manifests/v1', 'ghcr.mirror.lan'],
    ['the Host header and the namespace', '/v2/o/r/manifests/v1?ns=ghcr.io', 'ghcr.mirror.lan'],
    ['components before and after /v2', '/ghcr.io/v2/ghcr.io/o/r/manifests/v1', undefined],
  ];
  test.each(dialects)('%s chooses the upstream', (_name, target, host) => {
    expect(where(target, host)).toBe('ghcr.io o/r');
  });

  test.each([
    ['/v2/alpine/manifests/v1', 'docker.io library/alpine'],
    ['/v2/alpine/manifests/v1?ns=docker.io', 'docker.io library/alpine'],
    ['/v2/library/alpine/manifests/v1', 'docker.io library/alpine'],
    ['/v2/docker.io/alpine/manifests/v1', 'docker.io library/alpine'],
    ['/v2/index.docker.io/alpine/manifests/v1', 'docker.io library/alpine'],
    ['/v2/registry-1.docker.io/o/r/manifests/v1?ns=index.docker.io', 'docker.io o/r'],
    ['/v2/ghcr.io/alpine/manifests/v1', 'ghcr.io alpine'],
    // Removed once, and only where it names the upstream that was chosen.
    ['/v2/docker.io/docker.io/r/manifests/v1', 'docker.io docker.io/r'],
    ['/v2/docker.io/o/r/manifests/v1?ns=ghcr.io', 'ghcr.io docker.io/o/r'],
    // Not on the list, so a name like any other: nobody is dialled for it.
    ['/v2/quay.io/o/r/manifests/v1', 'docker.io quay.io/o/r'],
    // Nothing would be left.
    ['/v2/ghcr.io/manifests/v1', 'docker.io library/ghcr.io'],
    ['/v2/localhost:5000/o/r/manifests/v1', 'localhost:5000 o/r'],
    ['/v2/localhost%3A5000/o/r/manifests/v1', 'localhost:5000 o/r'],
    ['/localhost%3a5000/v2/o/r/manifests/v1', 'localhost:5000 o/r'],
    ['/v2/o/r/manifests/v1?ns=localhost:5000', 'localhost:5000 o/r'],
    ['/v2/o/r/manifests/v1?ns=private.lan%3A443', 'localhost:5000 o/r'],
  ])('%s means %s', (target, expected) => {
    expect(where(target)).toBe(expected);
  });

  test('the namespace goes before the Host header, and the Host header before the path', () => {
    expect(where('/v2/o/r/manifests/v1?ns=docker.io', 'ghcr.mirror.lan')).toBe('docker.io o/r');
    expect(where('/docker.io/v2/o/r/manifests/v1', 'ghcr.mirror.lan')).toBe('ghcr.io o/r');
    expect(where('/v2/docker.io/o/r/manifests/v1', 'ghcr.mirror.lan')).toBe('ghcr.io docker.io/o/r');
  });

  test('a Host that is on no list chooses nothing', () => {
    expect(where('/v2/o/r/manifests/v1', 'evil.example')).toBe('docker.io o/r');
  });

  test('the namespace is echoed as the client wrote it', () => {
    expect(route('/v2/o/r/manifests/v1?ns=GHCR.io').namespace).toBe('GHCR.io');
    expect(route('/v2/ghcr.io/o/r/manifests/v1').namespace).toBeUndefined();
  });

  test.each([
    'quay.io',
    '',
    '169.254.169.254',
    '127.0.0.1:6379',
    '[::1]',
    '2130706433',
    '0x7f.1',
    'localhost.',
    'localhost',
    'file:///etc/passwd',
    'docker.io@evil',
    'docker.io%23x',
    'docker.io%00',
    'docker.io/',
    'doc%E2%84%AAer.io',
    'https://docker.io',
    '__proto__',
    'constructor',
  ])('a namespace %s that is not listed is unknown', (namespace) => {
    expect(kindOf(`/v2/o/r/manifests/v1?ns=${namespace}`)).toBe('upstream-unknown');
  });

  test('a component before /v2 that is not listed is unknown', () => {
    expect(kindOf('/quay.io/v2/o/r/manifests/v1')).toBe('upstream-unknown');
    expect(kindOf('/%2e%2e/v2/o/r/manifests/v1')).toBe('upstream-unknown');
  });

  test('two namespaces are refused, also equal ones', () => {
    expect(kindOf('/v2/o/r/manifests/v1?ns=docker.io&ns=docker.io')).toBe('name-invalid');
    expect(kindOf('/v2/o/r/manifests/v1?ns=docker.io&n%73=ghcr.io')).toBe('name-invalid');
  });

  test('without a mark the default is docker.io, and without docker.io the first', () => {
    const named = (...names: string[]) =>
      createAddressIndex({
        upstreams: names.map((name) => ({ name, aliases: [], virtualHosts: [], isDefault: false })),
      }).defaultUpstream;
    expect(named('ghcr.io', 'docker.io')).toBe('docker.io');
    expect(named('quay.io', 'ghcr.io')).toBe('quay.io');
    expect(() => named()).toThrow(TypeError);
  });
});

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
