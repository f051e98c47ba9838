import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { isMirrorError } from '../../../src/oci/errors.ts';
import { maxManifestBytes, parseManifest } from '../../../src/oci/manifest.ts';
import { essenceOf, isIndexType, isManifestType, manifestAccept, mediaTypes } from '../../../src/oci/media-type.ts';

const digest = (digit: string) => `sha256:${digit.repeat(64)}`;
const bytesOf = (value: unknown) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value));

describe('an image manifest', () => {
  const image = {
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    config: { mediaType: 'c', digest: digest('a'), size: 1 },
    layers: [
      { mediaType: 'l', digest: digest('b'), size: 0, urls: ['http://169.254.169.254/'] },
      { mediaType: 'l', digest: digest('c'), size: 2 ** 40 },
    ],
    subject: { mediaType: 'm', digest: digest('d'), size: 5 },
  };

  test('lists its config and its layers', () => {
    expect(parseManifest(bytesOf(image), `${mediaTypes.ociManifest}; charset=utf-8`)).toEqual({
      mediaType: mediaTypes.ociManifest,
      children: [
        { mediaType: 'c', digest: digest('a'), sizeBytes: 1 },
        { mediaType: 'l', digest: digest('b'), sizeBytes: 0 },
        { mediaType: 'l', digest: digest('c'), sizeBytes: 2 ** 40 },
      ],
    });
  });

  test('may leave out its own type', () => {
    const { mediaType: _, ...untyped } = image;
    expect(parseManifest(bytesOf(untyped), mediaTypes.dockerManifest).mediaType).toBe(mediaTypes.dockerManifest);
  });

  test('loses hints that are no descriptors, and nothing else', () => {
    const layers = [
      null,
      1,
      'x',
      [],
      {},
      { digest: 'sha256:x', size: 1 },
      { digest: digest('b'), size: -1 },
      { digest: digest('b'), size: 2 ** 60 },
      { digest: digest('b'), size: '1' },
      { digest: digest('e'), size: 3 },
    ];
    expect(parseManifest(bytesOf({ layers, config: 'none' }), mediaTypes.ociManifest).children).toEqual([
      { digest: digest('e'), mediaType: '', sizeBytes: 3 },
    ]);
  });
});

test('an index lists its manifests', () => {
  const manifests = [{ mediaType: mediaTypes.ociManifest, digest: digest('a'), size: 7, platform: { os: 'linux' } }];
  for (const type of [mediaTypes.ociIndex, mediaTypes.dockerManifestList]) {
    expect(parseManifest(bytesOf({ mediaType: type, manifests }), type)).toEqual({
      mediaType: type,
      children: [{ mediaType: mediaTypes.ociManifest, digest: digest('a'), sizeBytes: 7 }],
    });
  }
});

describe('what is no manifest is refused', () => {
  const image = { config: {}, layers: [] };
  test.each([
    ['HTML', '<html>', 'text/html'],
    ['HTML that calls itself a manifest', '<html>', mediaTypes.ociManifest],
    ['no type', image, ''],
    ['JSON of another type', image, 'application/json'],
    ['schema 1', image, 'application/vnd.docker.distribution.manifest.v1+prettyjws'],
    ['another type inside', { ...image, mediaType: mediaTypes.ociIndex }, mediaTypes.ociManifest],
    ['a type inside that is no text', { ...image, mediaType: null }, mediaTypes.ociManifest],
    ['manifests in an image', { ...image, manifests: [] }, mediaTypes.ociManifest],
    ['layers in an index', { manifests: [], layers: [] }, mediaTypes.ociIndex],
    ['a config in an index', { manifests: [], config: {} }, mediaTypes.dockerManifestList],
    ['a list', '[]', mediaTypes.ociManifest],
    ['null', 'null', mediaTypes.ociManifest],
    ['nothing', '', mediaTypes.ociManifest],
    ['bytes after the end', '{}x', mediaTypes.ociManifest],
    ['a byte order mark', '\ufeff{}', mediaTypes.ociManifest],
  ])('%s', (_name, body, contentType) => {
    expect(() => parseManifest(bytesOf(body), contentType)).toThrow(
      expect.objectContaining({ kind: 'content-mismatch' }),
    );
  });

  test('bad UTF-8', () => {
    expect(() => parseManifest(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d]), mediaTypes.ociManifest)).toThrow(
      expect.objectContaining({ kind: 'content-mismatch' }),
    );
  });

  test('more than 4 MiB, before it is read', () => {
    const tooLarge = Buffer.alloc(maxManifestBytes + 1, ' ');
    expect(() => parseManifest(tooLarge, mediaTypes.ociManifest)).toThrow(/4 MiB/);
    const largest = Buffer.alloc(maxManifestBytes, ' ');
    largest.write('{}');
    expect(parseManifest(largest, mediaTypes.ociManifest).children).toEqual([]);
  });

  test('a depth that no reader stands', () => {
    const deep = `${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`;
    try {
      parseManifest(bytesOf(deep), mediaTypes.ociManifest);
    } catch (error) {
      expect(isMirrorError(error, 'content-mismatch')).toBe(true);
    }
  });

  test('anything, with a MirrorError and no other', () => {
    fc.assert(
      fc.property(fc.oneof(fc.json(), fc.string()), fc.constantFrom(...Object.values(mediaTypes)), (text, type) => {
        try {
          parseManifest(bytesOf(text), type);
        } catch (error) {
          expect(isMirrorError(error, 'content-mismatch')).toBe(true);
        }
      }),
    );
  });
});

describe('media types', () => {
  test('are compared without parameters and case', () => {
    expect(essenceOf(' Application/X ; charset="a;b"')).toBe('application/x');
    expect(essenceOf('')).toBe('');
  });

  test('of manifests are four, two of them of indexes', () => {
    expect(Object.values(mediaTypes).every(isManifestType)).toBe(true);
    expect(Object.values(mediaTypes).filter(isIndexType)).toHaveLength(2);
    expect(isManifestType('application/json')).toBe(false);
    for (const type of Object.values(mediaTypes)) expect(manifestAccept).toContain(type);
  });
});
