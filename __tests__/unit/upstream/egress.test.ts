import { describe, expect, test } from '@jest/globals';
import { classifyAddress } from '../../../src/upstream/address.ts';
import { createEgress } from '../../../src/upstream/egress.ts';

describe('an address', () => {
  test.each([
    ['93.184.216.34', 'public'],
    ['2606:2800:220:1::1', 'public'],
    ['127.0.0.1', 'loopback'],
    ['127.9.9.9', 'loopback'],
    ['0.0.0.0', 'loopback'],
    ['::1', 'loopback'],
    ['::', 'loopback'],
    ['10.1.2.3', 'private'],
    ['172.16.0.1', 'private'],
    ['192.168.1.1', 'private'],
    ['100.64.0.1', 'private'],
    ['fd12:3456::1', 'private'],
    ['fec0::1', 'private'],
    ['224.0.0.1', 'private'],
    ['240.0.0.1', 'private'],
    ['169.254.169.254', 'metadata'],
    ['fe80::1', 'metadata'],
    ['fe80::1%eth0', 'metadata'],
    ['fd00:ec2::254', 'metadata'],
    ['100.100.100.200', 'metadata'],
    ['168.63.129.16', 'metadata'],
    ['nonsense', 'metadata'],
  ])('%s is %s', (address, expected) => {
    expect(classifyAddress(address)).toBe(expected);
  });

  test.each([
    ['mapped', '::ffff:169.254.169.254', 'metadata'],
    ['mapped', '::ffff:127.0.0.1', 'loopback'],
    ['NAT64', '64:ff9b::a9fe:a9fe', 'metadata'],
    ['NAT64', '64:ff9b::7f00:1', 'loopback'],
    ['NAT64', '64:ff9b::5db8:d822', 'public'],
    ['local NAT64', '64:ff9b:1::5db8:d822', 'private'],
    ['6to4', '2002:a9fe:a9fe::1', 'metadata'],
    ['6to4', '2002:7f00:1::', 'loopback'],
    ['translated', '::ffff:0:a9fe:a9fe', 'metadata'],
    ['compatible', '::a9fe:a9fe', 'metadata'],
  ])('in %s form is what it carries: %s is %s', (_form, address, expected) => {
    expect(classifyAddress(address)).toBe(expected);
  });
});

describe('egress', () => {
  const own = new URL('https://registry.example.com');

  test('lets answers lead to public addresses only', () => {
    const egress = createEgress(own, []);
    expect(egress.allows('cdn.example.net', '443', '93.184.216.34')).toBe(true);
    expect(egress.allows('cdn.example.net', '443', '10.0.0.1')).toBe(false);
    expect(egress.allows('cdn.example.net', '443', '127.0.0.1')).toBe(false);
  });

  test('lets the configured host and port be anywhere but link-local', () => {
    const egress = createEgress(own, []);
    expect(egress.allows('Registry.Example.com.', '443', '10.0.0.1')).toBe(true);
    expect(egress.allows('registry.example.com', '8443', '10.0.0.1')).toBe(false);
    expect(egress.allows('registry.example.com', '443', '169.254.169.254')).toBe(false);
  });

  test('lets answers lead to where the configured host itself lives', () => {
    const egress = createEgress(own, []);
    egress.noteOwnAddress('10.0.0.1');
    expect(egress.allows('minio.example.com', '9000', '10.2.2.2')).toBe(true);
    expect(egress.allows('minio.example.com', '9000', '127.0.0.1')).toBe(false);
    expect(egress.allows('minio.example.com', '9000', '169.254.169.254')).toBe(false);
  });

  test.each([
    ['10.0.0.0/8', 'a.example', '443', '10.2.3.4', true],
    ['10.0.0.0/8', 'a.example', '443', '::ffff:10.2.3.4', true],
    ['10.0.0.0/8', 'a.example', '443', '192.168.0.1', false],
    ['fd00::/8', 'a.example', '443', 'fd00::1', true],
    ['10.2.3.4', 'a.example', '443', '10.2.3.4', true],
    ['10.2.3.4:9000', '10.2.3.4', '443', '10.2.3.4', false],
    ['10.2.3.4:9000', '10.2.3.4', '9000', '10.2.3.4', true],
    ['[::1]:9000', '[::1]', '9000', '::1', true],
    ['minio.lan', 'MINIO.lan', '9000', '10.2.3.4', true],
    ['minio.lan:9000', 'minio.lan', '9001', '10.2.3.4', false],
    ['*.lan', 'minio.lan', '9000', '10.2.3.4', true],
    ['*.lan', 'lan', '9000', '10.2.3.4', false],
    ['169.254.169.254', 'a.example', '80', '169.254.169.254', false],
  ])('with %s listed answers for %s:%s at %s: %p', (entry, host, port, address, expected) => {
    expect(createEgress(own, [entry]).allows(host, port, address)).toBe(expected);
  });
});
