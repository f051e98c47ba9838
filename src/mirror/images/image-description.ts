import type { Digest } from '../../oci/digest.ts';
import type { ImageName } from '../../oci/image-name.ts';
import { readImageParts, type ImagePart, type IndexEntry } from '../../oci/image-parts.ts';
import { isRecord } from '../../oci/json.ts';
import { isIndexType } from '../../oci/media-type.ts';
import { formatPlatform } from '../../oci/platform.ts';
import type { Provenance } from '../../oci/provenance.ts';
import type { Links, Sharing } from '../../store/browse-protocol.ts';
import type { StoredContent } from '../../store/catalog.ts';
import type { CachedImage, ImagesOptions } from './cached-image.ts';
import type { KnownPin } from './pins.ts';

export interface ImageDescription {
  readonly name: ImageName;
  readonly digest: Digest;
  readonly mediaType: string;
  /** Of config and layers of its manifests that are here, each once. */
  readonly sizeBytes: number;
  readonly cachedBytes: number;
  readonly hits: number;
  /** Milliseconds since 1970, both; undefined where it is no tag. */
  readonly lastUsedMs: number;
  readonly checkedMs: number | undefined;
  readonly provenance: Provenance;
  readonly links: Links;
  readonly pins: readonly KnownPin[];
  readonly manifests: readonly DescribedManifest[];
}

export interface DescribedManifest {
  readonly digest: Digest;
  readonly mediaType: string;
  /** `linux/amd64`; undefined where nobody says. */
  readonly platform: string | undefined;
  readonly isHere: boolean;
  /** Config first, then layers from the bottom up, each once; empty while the manifest is not here. */
  readonly blobs: readonly DescribedBlob[];
}

export interface DescribedBlob {
  readonly digest: Digest;
  readonly mediaType: string;
  readonly sizeBytes: number;
  readonly isHere: boolean;
  readonly sharing: Sharing;
}

type Parts = Pick<ImagesOptions, 'catalog' | 'browse' | 'inventory' | 'onStoreError'>;
type PartialManifest = Omit<DescribedManifest, 'blobs'> & { readonly parts: readonly ImagePart[] };

/** Indexes that list indexes: deeper than any image. */
const maxDepth = 4;
/** Configs are some kilobytes. */
const maxConfigBytes = 1024 * 1024;

/** Undefined when its manifest is not here, or not any more. */
export async function describeImage(
  image: CachedImage,
  parts: Parts,
): Promise<Omit<ImageDescription, 'pins'> | undefined> {
  const { catalog, browse } = parts;
  const { name, digest, checkedMs, upstream, repository } = image;
  const object = catalog.findStored(digest);
  const root = object && (await readManifest(object, parts));
  if (root === undefined) return undefined;
  const manifests = await listManifests(root, parts);
  const record = catalog.findContent(digest);
  if (record === undefined) return undefined;
  const { reference } = name;
  const id = { upstream, repository, digest, tag: reference.type === 'tag' ? reference.tag : undefined };
  const blobs = [...new Set(manifests.flatMap((manifest) => manifest.parts.map((part) => part.digest)))];
  const [sizes, sharing, links] = await Promise.all([
    browse.sizesOf(digest),
    browse.findSharing(id, blobs),
    browse.findLinks(digest),
  ]);
  const sharingOf = new Map(sharing.map((one) => [one.digest, one]));
  return {
    name,
    digest,
    checkedMs,
    ...sizes,
    mediaType: root.mediaType,
    hits: record.hits,
    lastUsedMs: record.lastUsedMs,
    provenance: record.provenance,
    links,
    manifests: manifests.map((manifest) => describeManifest(manifest, sharingOf, parts)),
  };
}

interface ReadManifest {
  readonly digest: Digest;
  readonly mediaType: string;
  readonly bytes: Uint8Array;
}

/** Undefined when it is no manifest, or its bytes are gone. */
async function readManifest(
  object: StoredContent,
  { inventory, onStoreError }: Parts,
): Promise<ReadManifest | undefined> {
  const { digest, mediaType } = object;
  if (mediaType === undefined) return undefined;
  try {
    const bytes = await inventory.readWhole(object);
    return bytes && { digest, mediaType, bytes };
  } catch (error) {
    onStoreError('read', error);
    return undefined;
  }
}

/** The image, or what an index leads to, each once. */
async function listManifests(root: ReadManifest, parts: Parts): Promise<readonly PartialManifest[]> {
  const found = new Map<Digest, PartialManifest>();
  const visit = async (manifest: ReadManifest, entry: IndexEntry | undefined, depth: number): Promise<void> => {
    const { digest, mediaType, bytes } = manifest;
    const { manifests, blobs } = readImageParts(bytes, mediaType);
    if (!isIndexType(mediaType)) {
      const platform = await findPlatform(entry, blobs[0], parts);
      found.set(digest, { digest, mediaType, platform, isHere: true, parts: distinct(blobs) });
      return;
    }
    for (const child of depth < maxDepth ? manifests : []) {
      if (found.has(child.digest)) continue;
      const object = parts.catalog.findStored(child.digest);
      const read = object && (await readManifest(object, parts));
      if (read !== undefined) await visit(read, child, depth + 1);
      else found.set(child.digest, missingManifest(child));
    }
  };
  await visit(root, undefined, 0);
  return [...found.values()];
}

function missingManifest(entry: IndexEntry): PartialManifest {
  const { digest, mediaType } = entry;
  return { digest, mediaType, platform: platformOf(entry), isHere: false, parts: [] };
}

function platformOf({ platform, isAttestation }: IndexEntry): string | undefined {
  return platform === undefined || isAttestation ? undefined : formatPlatform(platform);
}

/** As the index says; an image by itself says it in its config. */
async function findPlatform(
  entry: IndexEntry | undefined,
  config: ImagePart | undefined,
  parts: Parts,
): Promise<string | undefined> {
  if (entry?.platform !== undefined || entry?.isAttestation === true) return platformOf(entry);
  const object = config && parts.catalog.findStored(config.digest);
  if (object === undefined || object.sizeBytes > maxConfigBytes) return undefined;
  try {
    const bytes = await parts.inventory.readWhole(object);
    const body: unknown = bytes && JSON.parse(new TextDecoder().decode(bytes));
    if (!isRecord(body)) return undefined;
    const { os, architecture, variant } = body;
    if (typeof os !== 'string' || typeof architecture !== 'string') return undefined;
    return formatPlatform({ os, architecture, ...(typeof variant === 'string' && variant !== '' && { variant }) });
  } catch {
    // It is no config that anybody could read; nothing else is lost by that.
    return undefined;
  }
}

function distinct(parts: readonly ImagePart[]): readonly ImagePart[] {
  return [...new Map(parts.map((part) => [part.digest, part])).values()];
}

function describeManifest(
  { parts: blobs, digest, mediaType, platform, isHere }: PartialManifest,
  sharingOf: ReadonlyMap<Digest, Sharing>,
  { catalog }: Parts,
): DescribedManifest {
  return {
    digest,
    mediaType,
    platform,
    isHere,
    blobs: blobs.map((blob) => ({
      digest: blob.digest,
      mediaType: blob.mediaType,
      sizeBytes: blob.sizeBytes,
      isHere: catalog.findStored(blob.digest) !== undefined,
      sharing: sharingOf.get(blob.digest) ?? { digest: blob.digest, images: [], count: 0 },
    })),
  };
}
