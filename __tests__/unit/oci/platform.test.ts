import { describe, expect, test } from '@jest/globals';
import { findPlatform, formatPlatform, isOfPlatform, type Platform } from '../../../src/oci/platform.ts';

function platform(text: string): Platform {
  const found = findPlatform(text);
  if (found === undefined) throw new Error('no platform');
  return found;
}

describe('a platform', () => {
  test.each(['linux/amd64', 'linux/arm/v7', 'linux/arm64/v8', 'windows/amd64'])(
    '%s is written as it is read',
    (text) => {
      expect(formatPlatform(platform(text))).toBe(text);
    },
  );

  test.each(['', 'linux', 'linux/', '/amd64', 'linux/arm/', 'linux/arm/v7/x', 'Linux/amd64', 'all', 'linux/amd 64'])(
    '%j is none',
    (text) => {
      expect(findPlatform(text)).toBeUndefined();
    },
  );

  test.each([
    ['linux/amd64', 'linux/amd64', true],
    ['linux/amd64', 'linux/arm64', false],
    ['linux/amd64', 'windows/amd64', false],
    ['linux/arm/v7', 'linux/arm', true],
    ['linux/arm/v6', 'linux/arm/v7', false],
    ['linux/arm', 'linux/arm/v7', false],
    ['linux/arm64', 'linux/arm64/v8', true],
    ['linux/arm64/v8', 'linux/arm64', true],
    ['linux/arm64/v9', 'linux/arm64/v8', false],
  ])('%s where %s is wanted: %s', (text, wanted, isWanted) => {
    expect(isOfPlatform(platform(text), platform(wanted))).toBe(isWanted);
  });
});
