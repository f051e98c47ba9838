// What an image consists of, counted. Pure.
import type { ImageBlob, ImageDetails } from '../../admin/api-types.ts';

export interface PurgePreview {
  readonly removedObjects: number;
  readonly freedBytes: number;
  /** Here, and listed by other images too. */
  readonly keptObjects: number;
  readonly keptBytes: number;
}

/** What a purge would do; manifests count as objects without weight. */
export function previewPurge(image: ImageDetails): PurgePreview {
  const blobs = [...blobsOf(image).values()].filter(({ isHere }) => isHere);
  const kept = blobs.filter(({ sharedCount }) => sharedCount > 0);
  const removed = blobs.filter(({ sharedCount }) => sharedCount === 0);
  const manifests = new Set(image.manifests.filter(({ isHere }) => isHere).map(({ digest }) => digest)).add(
    image.digest,
  );
  return {
    removedObjects: removed.length + manifests.size,
    freedBytes: sum(removed),
    keptObjects: kept.length,
    keptBytes: sum(kept),
  };
}

/** Each once, however many platforms list it. */
function blobsOf(image: ImageDetails): Map<string, ImageBlob> {
  return new Map(image.manifests.flatMap(({ blobs }) => blobs).map((blob) => [blob.digest, blob]));
}

function sum(blobs: readonly ImageBlob[]): number {
  return blobs.reduce((bytes, { sizeBytes }) => bytes + sizeBytes, 0);
}

/** The platforms of an index, without repeats. */
export function platformsOf(image: ImageDetails): { readonly platform: string; readonly isComplete: boolean }[] {
  const found = new Map<string, boolean>();
  for (const { platform, isHere, sizeBytes, cachedBytes } of image.manifests) {
    if (platform !== null) found.set(platform, isHere && sizeBytes !== null && cachedBytes >= sizeBytes);
  }
  return [...found].map(([platform, isComplete]) => ({ platform, isComplete }));
}
