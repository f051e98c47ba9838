import { describe, expect, test } from '@jest/globals';
import { createNetworks, findPlainAddress } from '../../../src/clients/networks.ts';

describe('networks', () => {
  test.each<[string[], string | undefined, boolean]>([
    [['everybody'], '203.0.113.1', true],
    [['everybody'], undefined, true],
    [['loopback'], '127.0.0.1', true],
    [['loopback'], '127.9.9.9', true],
    [['loopback'], '::1', true],
    [['loopback'], '::ffff:127.0.0.1', true],
    [['loopback'], '10.0.0.1', false],
    [['loopback'], undefined, false],
    [['private'], '10.200.0.1', true],
    [['private'], '172.31.255.255', true],
    [['private'], '172.32.0.0', false],
    [['private'], '192.168.3.4', true],
    [['private'], '100.64.0.1', true],
    [['private'], 'fd12::1', true],
    [['private'], 'fe80::1', true],
    [['private'], '2001:db8::1', false],
    [['private'], '::ffff:8.8.8.8', false],
    [['192.0.2.0/25', '2001:db8::/32'], '192.0.2.127', true],
    [['192.0.2.0/25', '2001:db8::/32'], '192.0.2.128', false],
    [['192.0.2.0/25', '2001:db8::/32'], '2001:db8:ffff::1', true],
    [['192.0.2.7'], '192.0.2.7', true],
    [['192.0.2.7'], '192.0.2.8', false],
    [['::ffff:192.0.2.0/120'], '192.0.2.9', true],
    [['0.0.0.0/0'], '2001:db8::1', false],
    [['10.0.0.0/8'], '012.0.0.1', false],
    [['10.0.0.0/8'], '167772161', false],
    [['10.0.0.0/8'], 'localhost', false],
  ])('%j: whether %s is in it is %s', (texts, address, expected) => {
    expect(createNetworks(texts).includes(address)).toBe(expected);
  });
});

test('an address has one spelling', () => {
  expect(findPlainAddress('::ffff:192.0.2.1')).toBe('192.0.2.1');
  expect(findPlainAddress('2001:DB8:0::1')).toBe('2001:db8::1');
  expect(findPlainAddress('fe80::1%eth0')).toBe('fe80::1');
  expect(findPlainAddress('unknown')).toBeUndefined();
});
