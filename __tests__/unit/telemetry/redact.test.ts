import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { redactText, redactValue } from '../../../src/telemetry/redact.ts';

const planted = 'pl4nt3d-s3cr3t';

describe('texts', () => {
  test.each([
    `GET https://cdn.example/blob?X-Amz-Signature=${planted}&x=1 failed`,
    `https://user:${planted}@registry.example/v2/`,
    `https://user:p@ss/${planted}`.replace('/pl', '-pl').concat('@host/x'),
    `/token?service=x&access_token=${planted}`,
    `Authorization: Bearer ${planted}`,
    `authorization: Basic ${planted}`,
    `PROXY-AUTHORIZATION: ${planted}`,
    `set-cookie: a=${planted}; Path=/`,
    `{"token":"${planted}","expires_in":300}`,
    `{"access_token" : "${planted}"}`,
    `the body was refresh_token=${planted}&grant_type=password`,
    `password=${planted}`,
    `--password=${planted}`,
    `line one\nCookie: ${planted}\nline three`,
    `https:\\/\\/cdn.example\\/blob?sig=${planted}`,
  ])('%s loses its secret', (text) => {
    expect(redactText(text)).not.toContain(planted);
  });

  test('a JSON web token is seen without a word that announces it', () => {
    expect(redactText('got eyJhbGciOiJSUzI1NiJ9.eyJhY2Nlc3MiOltdfQ.c2lnbmF0dXJl back')).toBe('got [redacted] back');
  });

  test.each([
    'connect ECONNREFUSED 127.0.0.1:443',
    'https://registry-1.docker.io/v2/library/alpine/manifests/latest answered 503',
    'sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
    'a token has come; is it valid?',
    'user@host is away',
  ])('%s stays as it is', (text) => {
    expect(redactText(text)).toBe(text);
  });

  test('what stays of a URL still tells where it led', () => {
    expect(redactText(`https://u:${planted}@cdn.example/a/b?sig=${planted} broke`)).toBe(
      'https://[redacted]@cdn.example/a/b?[redacted] broke',
    );
  });

  test('hostile texts take no time and are cut', () => {
    for (const piece of [
      '?',
      '?a',
      'a.',
      '://',
      '://@',
      'eyJ',
      'eyJaaaaaaaa.',
      'bearer ',
      'cookie',
      'token',
      'token"',
      '\t',
    ]) {
      expect(redactText(piece.repeat(100_000)).length).toBeLessThan(30_000);
    }
  });
});

describe('values', () => {
  test('keys that name secrets are masked wherever they are and however they are written', () => {
    const value = {
      headers: { Authorization: planted, 'SET-COOKIE': [planted], 'x-api-key': planted, accept: '*/*' },
      login: { password: planted, Passwd: planted, clientSecret: planted, accessToken: planted },
      credentials: { username: 'x', value: planted },
      deep: [{ a: { authorization: planted } }],
      rawHeaders: ['Accept', '*/*', 'authorization', planted],
      map: new Map([['token', planted]]),
      set: new Set([`Bearer ${planted}`]),
      url: new URL(`https://u:${planted}@x/?q=${planted}`),
    };
    expect(JSON.stringify(redactValue(value))).not.toContain(planted);
    expect(redactValue(value)).toMatchObject({ headers: { accept: '*/*' } });
  });

  test('counts of secrets are no secrets', () => {
    expect(redactValue({ tokens: 3, hasToken: true, tokenRequest: undefined })).toEqual({ tokens: 3, hasToken: true });
  });

  test('errors keep what explains them and lose the request they carry', () => {
    const cause = Object.assign(new TypeError(`GET https://x/y?token=${planted}`), {
      opts: { headers: { authorization: `Bearer ${planted}` } },
      code: 'UND_ERR_SOCKET',
    });
    const error = Object.assign(new Error(`failed with Bearer ${planted}`, { cause }), {
      request: { headers: [planted] },
      kind: 'upstream-failed',
    });
    const redacted = redactValue({ err: error, list: new AggregateError([cause], 'all failed') });
    expect(JSON.stringify(redacted)).not.toContain(planted);
    expect(redacted).toMatchObject({
      err: {
        type: 'Error',
        message: 'failed with Bearer [redacted]',
        kind: 'upstream-failed',
        cause: { type: 'TypeError', code: 'UND_ERR_SOCKET', message: 'GET https://x/y?[redacted]' },
        stack: expect.stringContaining('redact.test'),
      },
      list: { errors: [{ code: 'UND_ERR_SOCKET' }] },
    });
  });

  test('circles, depths, lengths and things that are no data come to an end', () => {
    const circle: Record<string, unknown> = { big: 5n, fn: () => 1, bytes: Buffer.alloc(1000), at: new Date(0) };
    circle['self'] = circle;
    expect(redactValue(circle)).toMatchObject({ big: '5', bytes: '[1000 bytes]', at: '1970-01-01T00:00:00.000Z' });
    expect(JSON.stringify(redactValue(Array.from({ length: 10_000 }, () => 1))).length).toBeLessThan(1000);
  });

  test('nothing that is given makes it throw', () => {
    fc.assert(fc.property(fc.anything(), (value) => void JSON.stringify(redactValue(value))));
    const thrower = {
      get secretive(): string {
        throw new Error('no');
      },
    };
    expect(() => redactValue({ thrower })).not.toThrow();
  });
});
