// Manifests: checked and read, never re-serialised. Pure: bytes in, facts out.
import { isDigest } from './digest.ts';
import type { Descriptor } from './descriptor.ts';
import { MirrorError } from './errors.ts';
import { isRecord } from './json.ts';
import { essenceOf, isIndexType, isManifestType } from './media-type.ts';

/** Clients cap manifests at about 4 MiB (containerd, containers/image); so do we. */
export const maxManifestBytes = 4 * 1024 * 1024;

export interface ManifestFacts {
  readonly mediaType: string;
  /** What the manifest lists: config, layers, child manifests. Foreign `urls` are not looked at. */
  readonly children: readonly Descriptor[];
}

/**
 * Checks bytes that came as a manifest: size, JSON, a type we keep, the body's own `mediaType` equal
 * to the Content-Type, and not both a list and an image (CVE-2021-41190).
 * @throws MirrorError `content-mismatch`
 */
export function parseManifest(bytes: Uint8Array, contentType: string): ManifestFacts {
  if (bytes.length > maxManifestBytes) throw mismatch('the manifest is larger than 4 MiB');
  const mediaType = essenceOf(contentType);
  if (!isManifestType(mediaType)) throw mismatch('the answer is not of a manifest type');
  const body = parseObject(bytes);
  if (body['mediaType'] !== undefined && body['mediaType'] !== mediaType) {
    throw mismatch('the manifest names another media type than its Content-Type');
  }
  const isIndex = isIndexType(mediaType);
  if (isIndex ? 'layers' in body || 'config' in body : 'manifests' in body) {
    throw mismatch('the manifest has the fields of an index and of an image');
  }
  return { mediaType, children: isIndex ? readDescriptors(body['manifests']) : readImage(body) };
}

function parseObject(bytes: Uint8Array): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch (error) {
    throw mismatch('the manifest is not valid JSON', error);
  }
  if (!isRecord(value)) throw mismatch('the manifest is not a JSON object');
  return value;
}

function readImage(body: Readonly<Record<string, unknown>>): readonly Descriptor[] {
  return [...readDescriptors([body['config']]), ...readDescriptors(body['layers'])];
}

/** Entries that are no usable descriptor are left out: they only cost a hint, the bytes are served as they are. */
function readDescriptors(list: unknown): readonly Descriptor[] {
  if (!Array.isArray(list)) return [];
  return list.flatMap((entry: unknown): Descriptor[] => {
    if (!isRecord(entry)) return [];
    const { digest, mediaType, size } = entry;
    if (typeof digest !== 'string' || !isDigest(digest)) return [];
    if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) return [];
    return [{ digest, mediaType: typeof mediaType === 'string' ? mediaType : '', sizeBytes: size }];
  });
}

function mismatch(message: string, cause?: unknown): MirrorError {
  return new MirrorError({ kind: 'content-mismatch', message, cause });
}
