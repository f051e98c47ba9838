import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  formatDuration,
  formatListenAddress,
  formatSize,
  isAddressRange,
  isDestination,
  isHostWithPort,
  isRegistryHost,
  parseDuration,
  parseListenAddress,
  parseSize,
  UnitError,
} from '../../../src/config/units.ts';

describe('durations', () => {
  test.each([
    ['500ms', 500],
    ['10s', 10_000],
    ['5m', 300_000],
    ['2h', 7_200_000],
    ['30d', 2_592_000_000],
    ['0s', 0],
    ['0', 0],
  ])('%s is %d ms', (text, expected) => {
    expect(parseDuration(text)).toBe(expected);
  });

  test.each(['', '10', '5 m', '-1s', '1.5h', '1h30m', '5M', '5min', 's', '10s ', '9999999999999d', '5constructor'])(
    '%j is refused with what was expected',
    (text) => {
      expect(() => parseDuration(text)).toThrow(UnitError);
      expect(() => parseDuration(text)).toThrow('a duration: a whole number with ms, s, m, h or d');
    },
  );

  test('what is written is read back', () => {
    fc.assert(
      fc.property(fc.nat(), (durationMs) => {
        expect(parseDuration(formatDuration(durationMs))).toBe(durationMs);
      }),
    );
  });

  test('the largest unit that is exact is written', () => {
    expect(['90s', '120s', '36h', '0s'].map((text) => formatDuration(parseDuration(text)))).toEqual([
      '90s',
      '2m',
      '36h',
      '0s',
    ]);
  });
});

describe('sizes', () => {
  test.each([
    ['10MB', 10_000_000],
    ['50GiB', 53_687_091_200],
    ['10kB', 10_000],
    ['1KiB', 1024],
    ['7B', 7],
    ['0', 0],
    ['0GiB', 0],
  ])('%s is %d bytes', (text, expected) => {
    expect(parseSize(text)).toBe(expected);
  });

  test.each(['', '10', '10mb', '10K', '10G', '1.5GiB', '-1MB', '50 GiB', '999999TiB', 'toString'])(
    '%j is refused with what was expected',
    (text) => {
      expect(() => parseSize(text)).toThrow('a size: a whole number with B, kB, MB');
    },
  );

  test('what is written is read back', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), (sizeBytes) => {
        // Fifteen digits are enough for a petabyte; nobody writes more.
        const rounded = sizeBytes % 1e15;
        expect(parseSize(formatSize(rounded))).toBe(rounded);
      }),
    );
  });
});

describe('listen addresses', () => {
  test.each([
    ['127.0.0.1:5000', { host: '127.0.0.1', port: 5000 }],
    ['[::]:5000', { host: '::', port: 5000 }],
    ['localhost:0', { host: 'localhost', port: 0 }],
    ['mirror.lan:443', { host: 'mirror.lan', port: 443 }],
  ])('%s is read and written', (text, expected) => {
    expect(parseListenAddress(text)).toEqual(expected);
    expect(formatListenAddress(expected)).toBe(text);
  });

  test.each([
    '',
    '5000',
    ':5000',
    '::1:5000',
    '127.0.0.1',
    '127.0.0.256:1',
    'a b:1',
    '[x]:1',
    'host:65536',
    'http://h:1',
  ])('%j is refused with what was expected', (text) => {
    expect(() => parseListenAddress(text)).toThrow('an address with a port, as in 127.0.0.1:5000');
  });
});

describe('hosts', () => {
  test.each(['docker.io', 'localhost', 'registry:5000', 'registry.lan:5000', '[::1]:5000', '10.0.0.1'])(
    '%s can stand before an image name',
    (text) => {
      expect(isRegistryHost(text)).toBe(true);
    },
  );

  test.each([
    'library',
    'Docker.io',
    'https://docker.io',
    'docker.io/library',
    'docker.io:0',
    'docker.io:99999',
    'a..b',
    '',
  ])('%j cannot', (text) => {
    expect(isRegistryHost(text)).toBe(false);
  });

  test('a host of other use needs no dot', () => {
    expect(['mirror', 'Mirror:80', '[::1]', 'x_y.lan'].every(isHostWithPort)).toBe(true);
    expect(['', 'a/b', 'user@host', '[::1'].some(isHostWithPort)).toBe(false);
  });

  test.each([
    ['10.0.0.0/8', true],
    ['10.1.2.3', true],
    ['fd00::/8', true],
    ['::1', true],
    ['10.0.0.0/33', false],
    ['fd00::/129', false],
    ['10.0.0', false],
    ['lan', false],
    ['fe80::1%eth0', false],
  ])('%s is an address range: %s', (text, expected) => {
    expect(isAddressRange(text)).toBe(expected);
  });

  test('a destination is an address, a range, a host or all hosts below a name', () => {
    expect(['10.0.0.0/8', '::1', 'auth.lan', 'auth.lan:8443', '*.cdn.lan', '[::1]:80'].every(isDestination)).toBe(true);
    expect(['*', '*.', 'a.*.b', '10.0.0.0/40', 'http://auth.lan', ''].some(isDestination)).toBe(false);
  });
});
