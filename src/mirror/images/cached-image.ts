import type { Digest } from '../../oci/digest.ts';
import type { ImageName } from '../../oci/image-name.ts';
import type { Pin } from '../../oci/pin.ts';
import type { RepositoryId } from '../../oci/reference.ts';
import type { Catalog } from '../../store/catalog.ts';
import type { CatalogBrowse } from '../../store/catalog-browse.ts';
import type { Inventory } from '../../store/inventory.ts';
import type { Log } from '../../telemetry/log.ts';

/** An image by tag or digest that the cache knows. */
export interface CachedImage extends RepositoryId {
  readonly name: ImageName;
  readonly digest: Digest;
  /** That lead to it: the one it is named by; or all of its repository, when it is named by its digest. */
  readonly tags: readonly string[];
  /** When upstream last confirmed the tag: milliseconds since 1970. */
  readonly checkedMs: number | undefined;
}

export interface ImagesOptions {
  readonly catalog: Catalog;
  readonly browse: CatalogBrowse;
  readonly inventory: Inventory;
  readonly log: Log;
  /** Those of the configuration that holds now. */
  configuredPins(): readonly Pin[];
  /** The disk refuses something. */
  onStoreError(operation: string, error: unknown): void;
}
