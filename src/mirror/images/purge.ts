import { formatImageName, type ImageName } from '../../oci/image-name.ts';
import { pinsRepository, type Pin } from '../../oci/pin.ts';
import type { CachedImage, ImagesOptions } from './cached-image.ts';

export interface Purged {
  readonly name: ImageName;
  readonly removedObjects: number;
  readonly freedBytes: number;
  /** Of the image, what something else needs. */
  readonly keptObjects: number;
  /** What the disk did not let go. */
  readonly failedObjects: number;
}

/**
 * Takes the image's tags away, then what nothing else needs: no other tag, no pin but its own, no manifest that stays.
 * Who reads it now reads on; a fill that runs goes on.
 */
export async function purgeImage(image: CachedImage, pins: readonly Pin[], options: ImagesOptions): Promise<Purged> {
  const { catalog, browse, inventory, log, onStoreError } = options;
  const { name, digest: root, tags } = image;
  const repository = { upstream: image.upstream, repository: image.repository };
  for (const tag of tags) void catalog.removeTag(repository, tag);
  const foreign = pins.filter((pin) => !isOwnPin(pin, image));
  const { removed, kept } = await browse.planPurge({ digest: root, repository, tags, pins: foreign });
  let removedObjects = 0;
  let freedBytes = 0;
  let failedObjects = 0;
  for (const digest of removed) {
    // Evicted meanwhile, perhaps.
    const record = catalog.findContent(digest);
    if (record === undefined) continue;
    try {
      await inventory.remove(record);
      removedObjects += 1;
      freedBytes += record.sizeBytes;
    } catch (error) {
      onStoreError('remove', error);
      failedObjects += 1;
    }
  }
  const purged = { removedObjects, freedBytes, keptObjects: kept };
  log.info({ image: formatImageName(name), ...purged }, 'an image was purged');
  return { name, ...purged, failedObjects };
}

/** Whoever purges an image means it, and not what only its own pin keeps. Pins of tags hold by way of these. */
function isOwnPin(pin: Pin, { name, upstream, repository, digest }: CachedImage): boolean {
  if (pin.type === 'digest') return name.reference.type === 'digest' && pin.digest === digest;
  return pinsRepository(pin, { upstream, repository });
}
