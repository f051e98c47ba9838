import { expect, test } from '@jest/globals';
import { localPlatform } from '../../../../src/mirror/jobs/local-platform.ts';
import { formatPlatform } from '../../../../src/oci/platform.ts';

test.each([
  [{ arch: 'x64', platform: 'linux' }, 'linux/amd64'],
  [{ arch: 'arm64', platform: 'darwin' }, 'linux/arm64'],
  [{ arch: 'arm', platform: 'linux' }, 'linux/arm'],
  [{ arch: 'x64', platform: 'win32' }, 'windows/amd64'],
] as const)('%j runs images of %s', (machine, expected) => {
  expect(formatPlatform(localPlatform(machine))).toBe(expected);
});
