import { describe, expect, test } from '@jest/globals';
import { findClientLogin, wantsChallenge } from '../../../src/http/client-login.ts';

function encode(pair: string): string {
  return Buffer.from(pair).toString('base64');
}

describe('the login of a client', () => {
  test.each([
    ['a name and a password', `Basic ${encode('someone:secret')}`, { username: 'someone', password: 'secret' }],
    ['the scheme in any case', `bAsIc  ${encode('a:b')}`, { username: 'a', password: 'b' }],
    ['colons in the password', `Basic ${encode('a:b:c')}`, { username: 'a', password: 'b:c' }],
    ['no password', `Basic ${encode('a:')}`, { username: 'a', password: '' }],
    ['letters of any kind', `Basic ${encode('ä:ö€')}`, { username: 'ä', password: 'ö€' }],
  ])('is read: %s', (_what, authorization, login) => {
    expect(findClientLogin({ authorization })).toEqual(login);
  });

  test.each([
    ['no header', undefined],
    ['the empty pair that Podman sends', `Basic ${encode(':')}`],
    ['another scheme', 'Bearer abc'],
    ['no colon', `Basic ${encode('someone')}`],
    ['no base64', 'Basic !!!'],
    ['a line break in it', `Basic ${encode('a:b\r\nX: y')}`],
    ['more than a login ever is', `Basic ${encode(`a:${'b'.repeat(20_000)}`)}`],
  ])('is none: %s', (_what, authorization) => {
    expect(findClientLogin(authorization === undefined ? {} : { authorization })).toBeUndefined();
  });
});

describe('at /v2/ a login is asked for', () => {
  test('of clients that have sent none, but not of the Docker daemon', () => {
    expect(wantsChallenge({ 'user-agent': 'containers/5.36 (github.com/containers/image)' })).toBe(true);
    expect(wantsChallenge({})).toBe(true);
    expect(wantsChallenge({ authorization: 'Basic Og==' })).toBe(false);
    expect(wantsChallenge({ 'user-agent': 'docker/29.0.1 go/go1.24' })).toBe(false);
  });
});
