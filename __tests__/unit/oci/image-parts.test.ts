import { describe, expect, test } from '@jest/globals';
import { computeDigest } from '../../../src/oci/digest.ts';
import { readImageParts } from '../../../src/oci/image-parts.ts';
import { mediaTypes } from '../../../src/oci/media-type.ts';

const digest = computeDigest('sha256', Buffer.from('a'));
const bytesOf = (body: unknown): Buffer => Buffer.from(JSON.stringify(body));

describe('the parts of a manifest', () => {
  test('of an index have platforms, where it names them, and attestations are known', () => {
    const entry = { mediaType: mediaTypes.ociManifest, digest, size: 5 };
    const annotations = { 'vnd.docker.reference.type': 'attestation-manifest' };
    const manifests = [
      { ...entry, platform: { os: 'Linux', architecture: 'arm', variant: 'v7', 'os.version': '1' } },
      { ...entry, platform: { os: 'unknown', architecture: 'unknown' }, annotations },
      { ...entry, platform: { os: 'unknown', architecture: 'unknown' } },
      { ...entry, platform: { os: 7 } },
      entry,
      { ...entry, digest: 'sha256:no' },
      { ...entry, size: -1 },
      'no entry',
    ];
    const parts = readImageParts(bytesOf({ manifests, layers: [entry] }), mediaTypes.ociIndex);
    expect(parts.blobs).toEqual([]);
    const facts = { digest, sizeBytes: 5, mediaType: mediaTypes.ociManifest };
    expect(parts.manifests).toEqual([
      { ...facts, platform: { os: 'linux', architecture: 'arm', variant: 'v7' }, isAttestation: false },
      { ...facts, platform: { os: 'unknown', architecture: 'unknown' }, isAttestation: true },
      { ...facts, platform: { os: 'unknown', architecture: 'unknown' }, isAttestation: true },
      { ...facts, platform: undefined, isAttestation: false },
      { ...facts, platform: undefined, isAttestation: false },
    ]);
  });

  test.each([
    ['application/vnd.oci.image.layer.v1.tar+gzip', undefined, false],
    ['application/vnd.oci.image.layer.v1.tar+gzip', [], false],
    ['application/vnd.oci.image.layer.v1.tar+gzip', ['https://elsewhere.example/layer'], true],
    ['application/vnd.oci.image.layer.nondistributable.v1.tar+gzip', undefined, true],
    ['application/vnd.docker.image.rootfs.foreign.diff.tar.gzip', undefined, true],
  ])('a layer of type %s with urls %j is foreign: %s', (mediaType, urls, isForeign) => {
    const config = { mediaType: 'application/vnd.oci.image.config.v1+json', digest, size: 1 };
    const body = { config, layers: [{ mediaType, digest, size: 2, urls }] };
    expect(readImageParts(bytesOf(body), mediaTypes.ociManifest).blobs).toEqual([
      { digest, mediaType: config.mediaType, sizeBytes: 1, isForeign: false },
      { digest, mediaType, sizeBytes: 2, isForeign },
    ]);
  });

  test.each(['[]', '7', '{}', '{"manifests":7}', '{"config":[],"layers":{}}'])('%s has none', (text) => {
    for (const type of [mediaTypes.ociIndex, mediaTypes.ociManifest]) {
      expect(readImageParts(Buffer.from(text), type)).toEqual({ manifests: [], blobs: [] });
    }
  });
});
