// What operators do with cached images: look at them, keep them, take them away. Sees restricted content too.
import { formatImageName, type ImageName } from '../../oci/image-name.ts';
import { MirrorError } from '../../oci/errors.ts';
import type { BrowsedImage, BrowsedRepository, ImageQuery, RepositoryQuery } from '../../store/browse-protocol.ts';
import type { BrowsePage } from '../../store/catalog-browse.ts';
import type { CachedImage, ImagesOptions } from './cached-image.ts';
import { describeImage, type ImageDescription } from './image-description.ts';
import { isHolding, Pins } from './pins.ts';
import { purgeImage, type Purged } from './purge.ts';

/** @throws MirrorError `manifest-unknown` where an image is not in the cache, what the database says when it cannot be read */
export class Images {
  readonly pins: Pins;
  readonly #options: ImagesOptions;

  constructor(options: ImagesOptions) {
    this.#options = options;
    this.pins = new Pins(options);
  }

  async listRepositories(query: RepositoryQuery): Promise<BrowsePage<BrowsedRepository>> {
    return await this.#options.browse.listRepositories(query);
  }

  async list(query: ImageQuery): Promise<BrowsePage<BrowsedImage>> {
    const { items, hasMore } = await this.#options.browse.listImages(query);
    const pins = this.pins.all();
    const isPinned = (image: BrowsedImage): boolean =>
      image.isPinned || pins.some((pin) => isHolding(pin, { ...image, tags: [image.tag] }));
    return { items: items.map((image) => ({ ...image, isPinned: isPinned(image) })), hasMore };
  }

  async describe(name: ImageName): Promise<ImageDescription> {
    const image = await this.#find(name);
    const description = await describeImage(image, this.#options);
    if (description === undefined) throw unknownImage(name);
    return { ...description, pins: this.pins.list().filter(({ pin }) => isHolding(pin, image)) };
  }

  /** All or none: every name is looked up before anything is removed. */
  async purge(names: readonly ImageName[]): Promise<readonly Purged[]> {
    const images: CachedImage[] = [];
    for (const name of names) images.push(await this.#find(name));
    const purged: Purged[] = [];
    // One after the other: what two of them share goes with the second.
    for (const image of images) purged.push(await purgeImage(image, this.pins.all(), this.#options));
    return purged;
  }

  async #find(name: ImageName): Promise<CachedImage> {
    const { catalog, browse } = this.#options;
    const { upstream, repository, reference } = name;
    if (reference.type === 'tag') {
      const row = catalog.findTag(name, reference.tag);
      if (row === undefined) throw unknownImage(name);
      const { digest, checkedMs } = row;
      return { name, upstream, repository, digest, tags: [reference.tag], checkedMs };
    }
    const { digest } = reference;
    if (catalog.findStored(digest)?.mediaType === undefined) throw unknownImage(name);
    const { tags, isLinked, isLinkedElsewhere } = await browse.findBelonging(name, digest);
    // After the loss of a catalog nobody knows where content belongs.
    if (tags.length === 0 && !isLinked && isLinkedElsewhere) throw unknownImage(name);
    return { name, upstream, repository, digest, tags, checkedMs: undefined };
  }
}

function unknownImage(name: ImageName): MirrorError {
  return new MirrorError({ kind: 'manifest-unknown', message: `${formatImageName(name)} is not in the cache` });
}
