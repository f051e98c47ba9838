// Rows as they come from the disk, which may have changed them: believed only where they can be what was written.
import type { Descriptor } from '../oci/descriptor.ts';
import { isDigest, type Digest } from '../oci/digest.ts';
import { isManifestType } from '../oci/media-type.ts';
import type { Pin } from '../oci/pin.ts';
import { contentKinds, type ContentKind, type ContentRecord, type TagRecord } from './catalog.ts';
import { DamageError } from './catalog-schema.ts';
import { isRecord } from './record.ts';

export type Row = Readonly<Record<string, unknown>>;

/** @throws DamageError, as all of these do */
export function toContent(row: Row): ContentRecord {
  return {
    digest: toDigest(row['digest']),
    sizeBytes: toCount(row['size']),
    provenance: row['provenance'] === 'public' ? 'public' : 'restricted',
    mediaType: toMediaType(row['media_type']),
    kind: toKind(row['kind']),
    lastUsedMs: toNumber(row['last_used']),
    hits: toCount(row['hits']),
  };
}

export function toDescriptor(row: Row): Descriptor {
  return { digest: toDigest(row['digest']), mediaType: String(row['media_type']), sizeBytes: toCount(row['size']) };
}

export function toTag(row: Row): TagRecord {
  const etag = row['etag'];
  return {
    digest: toDigest(row['digest']),
    checkedMs: toNumber(row['checked']),
    // It goes upstream in a header; what cannot stand there was never one.
    etag: typeof etag === 'string' && /^[\x20-\x7e\x80-\xff]*$/.test(etag) ? etag : undefined,
  };
}

export function toPin(text: unknown): Pin {
  let pin: unknown;
  try {
    pin = JSON.parse(String(text));
  } catch {
    pin = undefined;
  }
  if (isRecord(pin)) {
    const { type, digest, upstream, repository, tag } = pin;
    if (type === 'digest') return { type, digest: toDigest(digest) };
    const isNamed = typeof upstream === 'string' && typeof repository === 'string';
    if (type === 'image' && isNamed && (tag === undefined || typeof tag === 'string')) {
      return { type, upstream, repository, tag };
    }
  }
  throw new DamageError('the catalog holds a pin that is none');
}

export function toKind(value: unknown): ContentKind {
  const kind = contentKinds.find((known) => known === value);
  if (kind !== undefined) return kind;
  throw new DamageError('the catalog holds a kind of content that there is not');
}

/** Digests become file names: a damaged one must not. */
export function toDigest(value: unknown): Digest {
  if (typeof value === 'string' && isDigest(value)) return value;
  throw new DamageError('the catalog holds a digest that is none');
}

/** It is sent to clients as it is: only what a manifest was let in with. */
function toMediaType(value: unknown): string | undefined {
  if (value === null || value === undefined) return undefined;
  if (typeof value === 'string' && isManifestType(value)) return value;
  throw new DamageError('the catalog holds a media type that no manifest has');
}

function toCount(value: unknown): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  throw new DamageError('the catalog holds a size that is none');
}

/** Of times: clocks may have been anywhere. */
function toNumber(value: unknown): number {
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  throw new DamageError('the catalog holds a time that is none');
}
