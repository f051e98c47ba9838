import { describe, expect, test } from '@jest/globals';
import { isLoopbackHost } from '../../../src/config/admin-rules.ts';
import { load, problemsOf } from './support.ts';

const token = 'a-token-of-24-characters';
const open = 'admin.tokenFile beside an address that other machines can reach, or a loopback address';
const readable = 'a readable file with a token of at least 16 characters';

test.each(['127.0.0.1', '127.0.0.2', '127.255.255.255', '::1', '0:0:0:0:0:0:0:1', '::ffff:127.0.0.1', 'LocalHost'])(
  'only this machine reaches %s',
  (host) => {
    expect(isLoopbackHost(host)).toBe(true);
  },
);

test.each(['0.0.0.0', '::', '10.0.0.1', '128.0.0.1', '::2', '::ffff:10.0.0.1', 'localhost.example', 'mirror'])(
  'others may reach %s',
  (host) => {
    expect(isLoopbackHost(host)).toBe(false);
  },
);

describe('the admin listener', () => {
  test.each([
    ['0.0.0.0:5080', '0.0.0.0:5080'],
    ['"[::]:5080"', '[::]:5080'],
    ['[127.0.0.1:5080, "10.0.0.1:5080", "[::]:5081"]', '10.0.0.1:5080'],
  ])('needs a token at %s', (listen, found) => {
    expect(problemsOf({ yaml: `admin: { listen: ${listen} }` })).toEqual([
      `admin.listen: expected ${open}, found ${found}`,
    ]);
  });

  test('needs none on loopback', () => {
    expect(load({ yaml: 'admin: { listen: ["127.0.0.2:5080", "[::1]:5080"] }' }).admin.tokenFile).toBeUndefined();
  });

  test('is open to other machines with a token', () => {
    const yaml = 'admin: { listen: "0.0.0.0:5080", tokenFile: secrets/token, openMetrics: true }';
    const { admin } = load({ yaml, files: { 'secrets/token': `${token}\n` } });
    expect(admin.tokenFile).toMatch(/^\/.*\/secrets\/token$/);
    expect(admin).toMatchObject({ hasOpenMetrics: true, createsToken: false });
  });

  test.each([
    ['fifteen-letters\n', 'a shorter one'],
    [' \n', 'an empty one'],
  ])('takes no token that is %j', (text, found) => {
    const yaml = 'admin: { tokenFile: token, createToken: true }';
    expect(problemsOf({ yaml, files: { token: text } })).toEqual([
      `admin.tokenFile: expected ${readable}, found ${found}`,
    ]);
  });

  test('needs a token file that is there, unless it is to be made', () => {
    expect(problemsOf({ yaml: 'admin: { tokenFile: gone }' })).toEqual([
      expect.stringContaining(`admin.tokenFile: expected ${readable}, found `),
    ]);
    const { admin } = load({ yaml: 'admin: { listen: "0.0.0.0:5080", tokenFile: gone, createToken: true }' });
    expect(admin.createsToken).toBe(true);
  });

  test('cannot make a token nowhere', () => {
    expect(problemsOf({ yaml: 'admin: { createToken: true }' })).toEqual([
      'admin.createToken: expected admin.tokenFile beside it, which says where',
    ]);
  });
});
