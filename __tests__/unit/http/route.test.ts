import { describe, expect, test } from '@jest/globals';
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
    'a'.repeat(10_000),
    'docker.io,docker.io',
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

  test.each(['ns[x]=ghcr.io', 'ns[]=ghcr.io', 'ns%5B0%5D=ghcr.io', 'NS=ghcr.io', 'x=1%26ns=ghcr.io'])(
    '%s is no namespace, and chooses nothing',
    (query) => {
      expect(where(`/v2/o/r/manifests/v1?${query}`)).toBe('docker.io o/r');
    },
  );

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
