import { describe, expect, test } from '@jest/globals';
import { judgeRealm } from '../../../src/upstream/realm.ts';

const judge = (realm: string, upstream: string, authHosts: readonly string[] = []) =>
  judgeRealm(realm, new URL(upstream), authHosts).type;

describe('a realm', () => {
  test.each([
    ['https://r.example/token', 'https://r.example'],
    ['https://R.example.:443/token', 'https://r.example'],
    ['http://r.example:5000/token', 'http://r.example:5000'],
    ['https://auth.docker.io/token', 'https://registry-1.docker.io'],
    ['https://gitlab.com/jwt/auth', 'https://registry.gitlab.com'],
  ])('%s gets the login of %s', (realm, upstream) => {
    expect(judge(realm, upstream)).toBe('trusted');
  });

  test.each([
    ['https://r.example:8443/token', 'https://r.example'],
    ['https://auth.r.example/token', 'https://r.example'],
    ['https://auth.docker.io/token', 'https://r.example'],
    ['https://auth.docker.io:8443/token', 'https://registry-1.docker.io'],
    ['https://auth.docker.io.evil.example/token', 'https://registry-1.docker.io'],
    ['https://evil.example/?auth.docker.io', 'https://registry-1.docker.io'],
  ])('%s is foreign to %s', (realm, upstream) => {
    expect(judge(realm, upstream)).toBe('foreign');
  });

  test.each([
    'http://r.example/token',
    'https://user:pw@r.example/token',
    'file:///etc/passwd',
    '/token',
    'r.example',
    '',
  ])('%p is not asked for an https upstream', (realm) => {
    expect(judge(realm, 'https://r.example')).toBe('refused');
  });

  test('is trusted when authHosts lists its host and port', () => {
    expect(judge('https://auth.r.example/token', 'https://r.example', ['auth.r.example'])).toBe('trusted');
    expect(judge('https://auth.r.example:8443/token', 'https://r.example', ['auth.r.example:8443'])).toBe('trusted');
    expect(judge('https://auth.r.example:8443/token', 'https://r.example', ['auth.r.example'])).toBe('foreign');
  });
});
