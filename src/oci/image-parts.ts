import type { Descriptor } from './descriptor.ts';
import { isDigest } from './digest.ts';
import { isRecord } from './json.ts';
import { isIndexType } from './media-type.ts';
import type { Platform } from './platform.ts';

/** A manifest that an index lists. */
export interface IndexEntry extends Descriptor {
  /** Undefined where the index does not say. */
  readonly platform: Platform | undefined;
  /** Says how another manifest was made, and runs nowhere. */
  readonly isAttestation: boolean;
}

/** A config or a layer that an image manifest lists. */
export interface ImagePart extends Descriptor {
  /** Kept elsewhere, so that registries need not have it (image-spec, layer.md "Non-Distributable Layers"). */
  readonly isForeign: boolean;
}

export interface ImageParts {
  /** Of an index. */
  readonly manifests: readonly IndexEntry[];
  /** Of an image: config first, then layers from the bottom up. */
  readonly blobs: readonly ImagePart[];
}

/** What a manifest lists, by the bytes of one that `parseManifest` has let in. */
export function readImageParts(bytes: Uint8Array, mediaType: string): ImageParts {
  const body: unknown = JSON.parse(new TextDecoder().decode(bytes));
  if (!isRecord(body)) return { manifests: [], blobs: [] };
  if (isIndexType(mediaType)) return { manifests: readList(body['manifests'], toIndexEntry), blobs: [] };
  return { manifests: [], blobs: [...readList([body['config']], toPart), ...readList(body['layers'], toPart)] };
}

type Entry = Readonly<Record<string, unknown>>;

/** Entries that are no usable descriptor are left out: nobody can pull them. */
function readList<Part>(list: unknown, toPartOf: (descriptor: Descriptor, entry: Entry) => Part): readonly Part[] {
  if (!Array.isArray(list)) return [];
  return list.flatMap((entry: unknown) => {
    if (!isRecord(entry)) return [];
    const { digest, mediaType, size } = entry;
    if (typeof digest !== 'string' || !isDigest(digest)) return [];
    if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) return [];
    return [toPartOf({ digest, mediaType: textOf(mediaType), sizeBytes: size }, entry)];
  });
}

function toIndexEntry(descriptor: Descriptor, { platform, annotations }: Entry): IndexEntry {
  const known = isRecord(platform) ? toPlatform(platform) : undefined;
  // As BuildKit marks them.
  const type = isRecord(annotations) ? annotations['vnd.docker.reference.type'] : undefined;
  return { ...descriptor, platform: known, isAttestation: type !== undefined || known?.os === 'unknown' };
}

function toPlatform({ os, architecture, variant }: Entry): Platform | undefined {
  if (typeof os !== 'string' || typeof architecture !== 'string') return undefined;
  const names = { os: os.toLowerCase(), architecture: architecture.toLowerCase() };
  return typeof variant === 'string' && variant !== '' ? { ...names, variant: variant.toLowerCase() } : names;
}

function toPart(descriptor: Descriptor, { urls }: Entry): ImagePart {
  const isElsewhere = Array.isArray(urls) && urls.length > 0;
  return { ...descriptor, isForeign: isElsewhere || /\.(?:foreign|nondistributable)\./.test(descriptor.mediaType) };
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
