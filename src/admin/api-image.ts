import { formatImageName } from '../oci/image-name.ts';
import { formatPin } from '../oci/pin.ts';
import type { RepositoryId } from '../oci/reference.ts';
import type { Provenance } from '../oci/provenance.ts';
import type { DescribedManifest, ImageDescription } from '../mirror/images/image-description.ts';
import type { KnownPin } from '../mirror/images/pins.ts';
import type { BrowsedImage, BrowsedRepository } from '../store/browse-protocol.ts';
import type {
  ImageDetails,
  ImageManifest,
  ImageSummary,
  PinState,
  RepositorySummary,
  Visibility,
} from './api-types.ts';

export function toRepositorySummary({ upstream, repository, tags, lastUsedMs }: BrowsedRepository): RepositorySummary {
  return { upstream, repository, tags, lastUsedAt: lastUsedMs === undefined ? null : toTime(lastUsedMs) };
}

export function toImageSummary(image: BrowsedImage): ImageSummary {
  const { upstream, repository, tag, digest, mediaType, sizeBytes, cachedBytes, hits, isPinned } = image;
  return {
    reference: formatTag(image),
    upstream,
    repository,
    tag,
    digest,
    mediaType,
    sizeBytes,
    cachedBytes,
    hits,
    lastUsedAt: toTime(image.lastUsedMs),
    checkedAt: toTime(image.checkedMs),
    isPinned,
    visibility: toVisibility(image.provenance),
  };
}

export function toImageDetails(image: ImageDescription): ImageDetails {
  const { name, digest, mediaType, sizeBytes, cachedBytes, hits, checkedMs } = image;
  return {
    reference: formatImageName(name),
    upstream: name.upstream,
    repository: name.repository,
    tag: name.reference.type === 'tag' ? name.reference.tag : null,
    digest,
    mediaType,
    sizeBytes,
    cachedBytes,
    hits,
    lastUsedAt: toTime(image.lastUsedMs),
    checkedAt: checkedMs === undefined ? null : toTime(checkedMs),
    visibility: toVisibility(image.provenance),
    links: { repositories: image.links.repositories.map(toRepositoryName), count: image.links.count },
    pins: image.pins.map(toPinState),
    manifests: image.manifests.map(toImageManifest),
  };
}

export function toPinState({ pin, source }: KnownPin): PinState {
  return { pin: formatPin(pin), source };
}

function toImageManifest({ digest, mediaType, platform, isHere, blobs }: DescribedManifest): ImageManifest {
  const sum = (some: typeof blobs): number => some.reduce((bytes, { sizeBytes }) => bytes + sizeBytes, 0);
  return {
    digest,
    mediaType,
    platform: platform ?? null,
    isHere,
    sizeBytes: isHere ? sum(blobs) : null,
    cachedBytes: sum(blobs.filter((blob) => blob.isHere)),
    blobs: blobs.map(({ sharing, ...blob }) => ({
      digest: blob.digest,
      mediaType: blob.mediaType,
      sizeBytes: blob.sizeBytes,
      isHere: blob.isHere,
      sharedWith: sharing.images.map(formatTag),
      sharedCount: sharing.count,
    })),
  };
}

type Tag = Pick<BrowsedImage, 'upstream' | 'repository' | 'tag'>;

function formatTag({ tag, ...repository }: Tag): string {
  return formatImageName({ ...repository, reference: { type: 'tag', tag } });
}

function toRepositoryName({ upstream, repository }: RepositoryId): Pick<RepositorySummary, 'upstream' | 'repository'> {
  return { upstream, repository };
}

function toTime(ms: number): string {
  return new Date(ms).toISOString();
}

function toVisibility(provenance: Provenance): Visibility {
  return provenance;
}
