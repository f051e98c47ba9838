import { describe, expect, test } from '@jest/globals';
import {
  formatAge,
  formatBytes,
  formatCounted,
  formatDuration,
  formatMediaType,
  formatPercent,
  formatTime,
  shortenDigest,
} from '../../../src/ui/format.ts';

describe('numbers on the page', () => {
  test.each([
    [0, '0 B'],
    [-1, '0 B'],
    [999, '999 B'],
    [1000, '1.0 kB'],
    [1_234_000_000, '1.2 GB'],
    [34_400_000, '34 MB'],
    [999_600, '1.0 MB'],
    [9_960_000, '10 MB'],
    [5e18, '5000 PB'],
  ])('%d bytes are %s', (bytes, text) => expect(formatBytes(bytes)).toBe(text));

  test.each([
    [0, '0 %'],
    [0.876, '87 %'],
    [0.9999, '99.9 %'],
    [1, '100 %'],
    [1.5, '100 %'],
  ])('a ratio of %d is %s, and only all is 100 %', (ratio, text) => expect(formatPercent(ratio)).toBe(text));

  test('one is one, more are many', () => {
    expect([formatCounted(1, 'object'), formatCounted(0, 'object'), formatCounted(1234, 'entry', 'entries')]).toEqual([
      '1 object',
      '0 objects',
      '1,234 entries',
    ]);
  });
});

describe('times on the page', () => {
  test.each([
    [0, '0 s'],
    [0.0204, '21 ms'],
    [45, '45 s'],
    [90, '1 min'],
    [12_000, '3 h 20 min'],
    [86_400, '1 d'],
    [792_000, '9 d 4 h'],
  ])('%d seconds are %s', (seconds, text) => expect(formatDuration(seconds)).toBe(text));

  test.each([
    [0, 'just now'],
    [180, '3 min ago'],
    [7500, '2 h ago'],
    [-240, 'in 4 min'],
  ])('%d seconds ago is %s', (seconds, text) => {
    const nowMs = Date.parse('2026-01-02T03:04:05Z');
    expect(formatAge(new Date(nowMs - seconds * 1000).toISOString(), nowMs)).toBe(text);
  });

  test('what is no time is shown as it is', () => {
    expect([formatAge('soon', 0), formatTime('soon')]).toEqual(['soon', 'soon']);
  });
});

describe('names on the page', () => {
  test('digests are shortened, and only when they are long', () => {
    expect([shortenDigest(`sha256:${'ab'.repeat(32)}`), shortenDigest('sha256:ab'), shortenDigest('odd')]).toEqual([
      'sha256:abababababab',
      'sha256:ab',
      'odd',
    ]);
  });

  test.each([
    ['application/vnd.oci.image.index.v1+json', 'index'],
    ['application/vnd.docker.distribution.manifest.list.v2+json', 'index'],
    ['application/vnd.docker.distribution.manifest.v2+json', 'image'],
    ['application/vnd.docker.container.image.v1+json', 'config'],
    ['application/vnd.docker.image.rootfs.diff.tar.gzip', 'layer'],
    ['application/x-other', 'application/x-other'],
  ])('%s is called %s', (mediaType, name) => expect(formatMediaType(mediaType)).toBe(name));
});
