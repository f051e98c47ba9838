import { expect, test } from '@jest/globals';
import { createHostCheck } from '../../../src/admin/host-check.ts';

test.each([
  ['10.1.2.3:5080', '10.1.2.3'],
  ['10.1.2.3', '::ffff:10.1.2.3'],
  ['[fe80::1]:5080', 'fe80::1%eth0'],
  ['[2001:db8::1]', '2001:db8::1'],
])('the address that was dialled is let in: %s at %s', (host, localAddress) => {
  expect(createHostCheck(() => [])(host, localAddress)).toBe(true);
});

test('another address is not, and neither is a name that leads here', () => {
  expect(createHostCheck(() => [])('10.1.2.4:5080', '10.1.2.3')).toBe(false);
  expect(createHostCheck(() => [])('rebound.example:5080', '10.1.2.3')).toBe(false);
});

test('a listed host counts with the port it is listed with, or with any', () => {
  const isOwnHost = createHostCheck(() => ['a.lan:1', 'B.lan']);
  expect(isOwnHost('a.lan:1', undefined)).toBe(true);
  expect(isOwnHost('a.lan:2', undefined)).toBe(false);
  expect(isOwnHost('b.lan:2', undefined)).toBe(true);
});
