import { describe, expect, test } from '@jest/globals';
import { loadConfig } from '../../../src/config/load.ts';
import { ConfigError } from '../../../src/config/problem.ts';
import { createDirectory, problemsOf } from './support.ts';

const duration = 'a duration: a whole number with ms, s, m, h or d, as in 500ms, 10s, 5m, 2h or 30d';
const size = 'a size: a whole number with B, kB, MB, GB, TB, KiB, MiB, GiB or TiB, as in 10MB or 50GiB, or 0';
const address = 'an address with a port, as in 127.0.0.1:5000 or "[::]:5000"';
const registry =
  'a registry host in lower case: with a dot or a port, or localhost, as in docker.io or registry.lan:5000';
const unique = 'a host that no other name, alias or virtual host has';

describe('one mistake gives its place and what was expected', () => {
  test.each([
    ['cache: { max_size: 5GiB }', 'cache.max_size: expected the key to be written maxSize'],
    ['log: { levle: info }', 'log.levle: expected a known key: level'],
    ['"a b": 1', /^a…: expected a known key: listen, publicUrl, /],
    ['catalogue:', /^catalogue: expected a known key: /],
    ['upstreams: [{ name: }]', `upstreams[0].name: expected ${registry}, found nothing`],
    ['cache: { maxSize: 50gb }', `cache.maxSize: expected ${size}, found "50gb"`],
    ['cache: { maxSize: 50 }', `cache.maxSize: expected ${size}, found 50`],
    ['cache: { maxSize: [] }', `cache.maxSize: expected ${size}, found a list`],
    ['cache: { tagTtl: 300 }', `cache.tagTtl: expected ${duration}, found 300`],
    ['cache: { tagTtl: forever }', `cache.tagTtl: expected ${duration}, found "forever"`],
    ['cache: { staleIfError: always }', `cache.staleIfError: expected ${duration}, or forever, found "always"`],
    ['limits: { drain: 2d }', `limits.drain: expected ${duration}, at most 1d, found "2d"`],
    ['fill: { idleTimeout: 0s }', `fill.idleTimeout: expected ${duration}, at least 100ms, at most 1d, found "0s"`],
    ['fill: { maxConnections: 0 }', 'fill.maxConnections: expected a whole number from 1 to 64, found 0'],
    ['fill: { maxConnections: many }', 'fill.maxConnections: expected a whole number from 1 to 64'],
    ['catalog: yes', 'catalog: expected true or false'],
    ['log: { level: loud }', 'log.level: expected one of debug, info, warn, error, found "loud"'],
    ['listen: 5000', `listen: expected ${address}, or a list of these, found a number`],
    ['listen: here', `listen: expected ${address}, found "here"`],
    ['listen: [127.0.0.1:1, "::1:2"]', `listen[1]: expected ${address}, found "::1:2"`],
    ['listen: []', `listen: expected ${address}, found a list`],
    ['listen: 127.0.0.1:5080', 'admin.listen: expected an address of its own, found 127.0.0.1:5080 again'],
    ['publicUrl: mirror.lan', 'publicUrl: expected a URL of the form http://HOST:PORT or https://HOST'],
    ['publicUrl: https://m.lan/x', 'publicUrl: expected a URL without a path'],
    ['publicUrl: https://m.lan?x', 'publicUrl: expected a URL without query and fragment'],
    ['cache: 5', 'cache: expected a map of keys and values, found a number'],
    ['upstreams: []', 'upstreams: expected at least one upstream, found a list'],
    ['upstreams: docker.io', 'upstreams: expected a list'],
    ['upstreams: [docker.io]', 'upstreams[0]: expected a map of keys and values'],
    ['upstreams: [{ url: "https://a.io" }]', `upstreams[0].name: expected ${registry}, found nothing`],
    ['upstreams: [{ name: hub }]', `upstreams[0].name: expected ${registry}, found "hub"`],
    ['upstreams: [{ name: Docker.io }]', `upstreams[0].name: expected ${registry}, found "Docker.io"`],
    ['upstreams: [{ name: a.io }, { name: a.io }]', `upstreams[1].name: expected ${unique}, found a.io again`],
    [
      'upstreams: [{ name: a.io, aliases: [b.io] }, { name: c.io, virtualHosts: [b.io] }]',
      `upstreams[1].virtualHosts[0]: expected ${unique}, found b.io again`,
    ],
    [
      'upstreams: [{ name: docker.io }, { name: index.docker.io }]',
      `upstreams[1].name: expected ${unique}, found index.docker.io again`,
    ],
    [
      'upstreams: [{ name: a.io, default: true }, { name: b.io, default: true }]',
      'upstreams[1].default: expected one default upstream, found a second one',
    ],
    [
      'upstreams: [{ name: a.io, url: "ftp://a.io" }]',
      'upstreams[0].url: expected a URL of the form http://HOST:PORT or https://HOST',
    ],
    [
      'upstreams: [{ name: a.io, url: "https://a.io/v2/" }]',
      'upstreams[0].url: expected a URL without /v2 at its end, which is added',
    ],
    [
      'upstreams: [{ name: a.io, url: "https://a.io", urls: [{ url: "https://b.io" }] }]',
      'upstreams[0].url: expected either url or urls',
    ],
    [
      'upstreams: [{ name: a.io, deny: [x, "/x"] }]',
      'upstreams[0].deny[1]: expected a repository, with or without tag, in which * stands for anything, as in org/app:v*, found "/x"',
    ],
    ['upstreams: [{ name: a.io, allow: x }]', 'upstreams[0].allow: expected a list'],
    [
      'upstreams: [{ name: docker.io, allow: [index.docker.io/library/*] }]',
      'upstreams[0].allow[0]: expected a repository without the name of its upstream, found one that begins with index.docker.io/',
    ],
    [
      'limits: { requestsPerClient: -1 }',
      'limits.requestsPerClient: expected a whole number from 0 to 1000000, found -1',
    ],
    ['upstreams: [{ name: a.io, urls: [] }]', 'upstreams[0].urls: expected at least one URL, found a list'],
    [
      'upstreams: [{ name: a.io, username: me, urls: [{ url: "https://b.io" }] }]',
      'upstreams[0].username: expected the key within the entry of urls for which it holds',
    ],
    [
      'upstreams: [{ name: a.io, username: me }]',
      'upstreams[0].username: expected passwordFile or passwordEnv beside it',
    ],
    ['upstreams: [{ name: a.io, passwordEnv: SET }]', 'upstreams[0].passwordEnv: expected username beside it'],
    [
      'upstreams: [{ name: a.io, username: me, passwordEnv: SET, passwordFile: /etc/passwd }]',
      'upstreams[0].passwordEnv: expected either passwordFile or passwordEnv',
    ],
    [
      'upstreams: [{ name: a.io, username: me, passwordEnv: MISSING }]',
      'upstreams[0].passwordEnv: expected the name of an environment variable that is set',
    ],
    [
      'upstreams: [{ name: a.io, username: me, passwordFile: gone }]',
      'upstreams[0].passwordFile: expected a readable file that is not empty, found no such file',
    ],
    [
      'upstreams: [{ name: a.io, username: me, passwordFile: /dev/null }]',
      'upstreams[0].passwordFile: expected a readable file that is not empty, found an empty one',
    ],
    [
      'upstreams: [{ name: a.io, tls: { caFile: / } }]',
      'upstreams[0].tls.caFile: expected a readable file that is not empty, found a directory',
    ],
    [
      'upstreams: [{ name: a.io, tls: { certFile: /etc/passwd } }]',
      'upstreams[0].tls.certFile: expected keyFile beside it',
    ],
    [
      'upstreams: [{ name: a.io, shareCredentials: true }]',
      'upstreams[0].shareCredentials: expected username or credentialHelper beside it, or false',
    ],
    [
      'upstreams: [{ name: a.io, access: passthrough, username: me, passwordEnv: SET, shareCredentials: true }]',
      'upstreams[0].shareCredentials: expected false: access: passthrough shows callers what their own logins see',
    ],
    [
      'upstreams: [{ name: a.io, access: passthrough, tls: { certFile: /etc/passwd, keyFile: /etc/passwd } }]',
      /^upstreams\[0\]\.access: expected access: shared where the mirror has a client certificate/,
    ],
    [
      'upstreams: [{ name: a.io, access: open }]',
      'upstreams[0].access: expected one of shared, passthrough, found "open"',
    ],
    [
      'upstreams: [{ name: a.io, credentialHelper: ecr-login }]',
      'upstreams[0].credentialHelper: expected the program docker-credential-ecr-login in a directory of PATH, found none',
    ],
    [
      'upstreams: [{ name: a.io, credentialHelper: ../sh }]',
      'upstreams[0].credentialHelper: expected the name of a helper, as in ecr-login for docker-credential-ecr-login',
    ],
    [
      'upstreams: [{ name: a.io, repositoryPrefix: /Proxy/ }]',
      'upstreams[0].repositoryPrefix: expected a repository path, as in proxy/hub',
    ],
    [
      'egress: { allow: [10.0.0.0/40] }',
      'egress.allow[0]: expected an address, a range or a host, as in 10.1.2.3, 10.0.0.0/8, auth.lan:8443 or *.cdn.lan, found "10.0.0.0/40"',
    ],
    ['instance: "a b"', 'instance: expected a name of letters, digits, dots and hyphens'],
  ])('%s', (yaml, expected) => {
    const problems = problemsOf({ yaml, environment: { SET: 'x' } });
    expect(problems).toEqual([typeof expected === 'string' ? expected : expect.stringMatching(expected)]);
  });
});

test('all mistakes are told at once, whatever their kind', () => {
  const problems = problemsOf({
    yaml: `
      listen: nowhere
      cache: { tagTtl: 5, maxSize: big, path: }
      upstreams:
        - { name: a.io, username: me }
        - { name: a.io, passwordFile: gone }
        - 7`,
    environment: { STOWAGE__FILL__MIN_RATE: 'slow', STOWAGE__WHAT: 'ever' },
  });
  expect(problems.map((problem) => problem.split(': expected')[0])).toEqual([
    'STOWAGE__WHAT',
    'listen',
    'cache.maxSize',
    'cache.tagTtl',
    'STOWAGE__FILL__MIN_RATE',
    'upstreams[2]',
    'upstreams[1].name',
    'upstreams[0].username',
    'upstreams[1].passwordFile',
    'upstreams[1].passwordFile',
  ]);
});

describe('a secret in the wrong place is refused and never repeated', () => {
  const secret = 'hunter2';
  const here = 'expected no secret in the configuration: passwordFile or passwordEnv says where it is';

  test.each([
    [`upstreams: [{ name: a.io, password: ${secret} }]`, [`upstreams[0].password: ${here}`]],
    [`upstreams: [{ name: a.io, token: ${secret} }]`, [`upstreams[0].token: ${here}`]],
    [`upstreams: [{ name: a.io, identityToken: { value: ${secret} } }]`, [`upstreams[0].identityToken: ${here}`]],
    [
      `upstreams: [{ name: a.io, urls: [{ url: "https://b.io", password: ${secret} }] }]`,
      [`upstreams[0].urls[0].password: ${here}`],
    ],
    [
      `upstreams: [{ name: a.io, url: "https://me:${secret}@a.io" }]`,
      ['upstreams[0].url: expected a URL without a login in it: use username with passwordFile or passwordEnv'],
    ],
    [
      `upstreams: [{ name: a.io, proxy: "http://me:${secret}@proxy:3128" }]`,
      ['upstreams[0].proxy: expected a URL without a login in it: logins at proxies are not supported here'],
    ],
    [
      `upstreams: [{ name: a.io, username: me, passwordEnv: ${secret}! }]`,
      [
        'upstreams[0].passwordEnv: expected the name of an environment variable, as in HUB_TOKEN',
        'upstreams[0].passwordEnv: expected the name of an environment variable that is set',
      ],
    ],
    [`upstreams: [{ name: "me:${secret}@a.io" }]`, [`upstreams[0].name: expected ${registry}`]],
    [`upstreams: [{ name: a.io, username: me:${secret} }]`, 2],
    [`upstreams: [{ name: a.io, username: me, passwordFile: ${secret} }]`, 1],
    [`upstreams: [{ name: a.io, password: "${secret}`, 1],
    [`upstreams: [{ name: a.io, password:${secret} }]`, [`upstreams[0].password…: ${here}`]],
    [`password:${secret}`, 1],
    [`password: *${secret}`, 1],
    [`password: !${secret} x`, 1],
  ])('%s', (yaml, expected) => {
    const problems = problemsOf({ yaml });
    expect(problems.join('\n')).not.toContain(secret);
    expect(problems).toEqual(typeof expected === 'number' ? Array(expected).fill(expect.any(String)) : expected);
  });

  test('also in the environment', () => {
    const problems = problemsOf({ environment: { STOWAGE__UPSTREAMS__0__PASSWORD: secret } });
    expect(problems).toEqual([
      'STOWAGE__UPSTREAMS__0__PASSWORD: expected no secret here: …__PASSWORD_FILE or …__PASSWORD_ENV says where it is',
    ]);
  });
});

test('a policy for tags has a pattern, and either immutable or a ttl', () => {
  const problems = problemsOf({
    yaml: `
      upstreams:
        - name: a.io
          tags:
            - { match: 'v[0-9]', ttl: 1m }
            - { match: v* }
            - { match: v*, immutable: false }
            - { match: v*, immutable: true, ttl: 1m }
            - { ttl: 1m }
            - { match: v*, ttl: soon }`,
  });
  expect(problems).toHaveLength(6);
  expect(problems.toSorted()).toEqual([
    expect.stringMatching(
      /upstreams\[0\]\.tags\[0\]\.match: expected a tag in which \* stands for anything.*found "v\[0-9\]"/,
    ),
    expect.stringMatching(/upstreams\[0\]\.tags\[1\]: expected immutable: true or a ttl beside match/),
    expect.stringMatching(/upstreams\[0\]\.tags\[2\]: expected immutable: true or a ttl/),
    expect.stringMatching(/upstreams\[0\]\.tags\[3\]\.ttl: expected either ttl or immutable: true/),
    expect.stringMatching(/upstreams\[0\]\.tags\[4\]\.match: expected a tag/),
    expect.stringMatching(/upstreams\[0\]\.tags\[5\]\.ttl: expected a duration/),
  ]);
});

describe('what is no YAML is told with line and column', () => {
  test.each([
    ['cache:\n  path: x\n  path: y\n', ['mirror.config.yaml:3:3: expected each key once in a map']],
    ['catalog: true\n---\ncatalog: false\n', 1],
    ['listen: [::]:5000\n', /^mirror\.config\.yaml:1:\d+: expected valid YAML: text that holds any of : # \[/],
    ['cache: [\n', /^mirror\.config\.yaml:2:1: expected /],
    ['cache:\n\tpath: x\n', /^mirror\.config\.yaml:2:1: expected spaces, not tabs/],
    ['- docker.io\n', ['mirror.config.yaml: expected a map of keys and values']],
    ['? {path: x}\n: y\n', ['mirror.config.yaml:1:3: expected keys that are plain words']],
    ['cache: {[path]: x}\n', ['mirror.config.yaml:1:9: expected keys that are plain words']],
    [
      'a: &a [x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: [*c,*c,*c,*c,*c,*c,*c]\n',
      1,
    ],
  ])('%j', (yaml, expected) => {
    const problems = problemsOf({ yaml });
    if (expected instanceof RegExp) expect(problems[0]).toMatch(expected);
    else if (typeof expected === 'number') expect(problems).toHaveLength(expected);
    else expect(problems).toEqual(expected);
  });
});

describe('a file that is named', () => {
  const loadNamed = (file: string, directory: string) => () => loadConfig({ file, environment: {}, directory });

  test('must exist', () => {
    expect(loadNamed('absent.yaml', '/nowhere')).toThrow(
      new ConfigError([{ path: 'absent.yaml', expected: 'a readable file', found: 'no such file' }]),
    );
  });

  test('must be a file', () => {
    const directory = createDirectory();
    expect(loadNamed('.', directory.path)).toThrow('.: expected a readable file, found a directory');
    directory.remove();
  });
});
