import { computeDigest, type Digest, type DigestAlgorithm } from '../../../../src/oci/digest.ts';
import { mediaTypes } from '../../../../src/oci/media-type.ts';
import type { FetchedManifest } from '../../../../src/upstream/upstream.ts';

export interface TestManifest {
  readonly bytes: Buffer;
  readonly digest: Digest;
  readonly mediaType: string;
}

/** An image that is told from others by its name; written as no serialiser of ours would write it. */
export function createImage(name: string, options: ImageOptions = {}): TestManifest {
  const { algorithm = 'sha256', layers = [], mediaType = mediaTypes.ociManifest } = options;
  const body = { name, schemaVersion: 2, mediaType, config: describe(Buffer.from(name)), layers: layers.map(describe) };
  const bytes = Buffer.from(`${JSON.stringify(body, null, 3)}\n`);
  return { bytes, digest: computeDigest(algorithm, bytes), mediaType };
}

interface ImageOptions {
  readonly algorithm?: DigestAlgorithm;
  readonly layers?: readonly Buffer[];
  readonly mediaType?: string;
}

function describe(content: Buffer): object {
  const mediaType = 'application/vnd.oci.image.layer.v1.tar+gzip';
  return { mediaType, digest: computeDigest('sha256', content), size: content.length };
}

/** The manifest as a well-behaved upstream gives it to anybody. */
export function fetched(manifest: TestManifest, differing: Partial<FetchedManifest> = {}): FetchedManifest {
  const { bytes, digest, mediaType } = manifest;
  return { bytes, contentType: mediaType, digest, etag: `"${digest}"`, provenance: 'public', ...differing };
}
