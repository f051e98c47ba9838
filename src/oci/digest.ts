// Digests: the names of content (image-spec, descriptor.md "Digests").
import { hash } from 'node:crypto';
import { MirrorError } from './errors.ts';

export type DigestAlgorithm = 'sha256' | 'sha512';

/** `sha256:<64 hex>` or `sha512:<128 hex>`, lower case, checked. */
export type Digest = string & { readonly __digest: never };

const hexLength: Readonly<Record<DigestAlgorithm, number>> = { sha256: 64, sha512: 128 };
const digestPattern = /^(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/;

/** Narrows text that is exactly a supported digest. */
export function isDigest(text: string): text is Digest {
  return digestPattern.test(text) && !text.endsWith('\n');
}

/** @throws MirrorError `digest-invalid` for anything but a lower-case sha256 or sha512 digest. */
export function parseDigest(text: string): Digest {
  if (isDigest(text)) return text;
  throw new MirrorError({
    kind: 'digest-invalid',
    message: 'the digest is not sha256:<64 lower-case hex> or sha512:<128 lower-case hex>',
  });
}

/** The digest of these hash bytes in lower-case hex. @throws TypeError when they are not of this algorithm */
export function createDigest(algorithm: DigestAlgorithm, hex: string): Digest {
  const digest = `${algorithm}:${hex}`;
  if (!isDigest(digest)) throw new TypeError(`a ${algorithm} has ${hexLength[algorithm]} lower-case hex digits`);
  return digest;
}

export function digestAlgorithm(digest: Digest): DigestAlgorithm {
  return digest.startsWith('sha512:') ? 'sha512' : 'sha256';
}

export function digestHex(digest: Digest): string {
  return digest.slice(7);
}

/** The digest that these bytes have. Blocks for about 1 ms per MiB. */
export function computeDigest(algorithm: DigestAlgorithm, bytes: Uint8Array): Digest {
  return createDigest(algorithm, hash(algorithm, bytes, 'hex'));
}

/** The digests of zero bytes, in both algorithms: the only content whose size may be 0. */
export const emptyDigests: readonly Digest[] = [
  createDigest('sha256', 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'),
  createDigest(
    'sha512',
    'cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce' +
      '47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e',
  ),
];
