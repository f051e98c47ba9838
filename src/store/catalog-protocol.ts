import type { Descriptor } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';
import type { Pin } from '../oci/pin.ts';
import type { RepositoryId } from '../oci/reference.ts';
import type { ContentRecord, TagRecord } from './catalog.ts';
import type { Differences } from './catalog-compare.ts';

/** One change of the catalog. Each may be applied twice with the same result, but for the hits of a touch. */
export type CatalogChange =
  | { readonly type: 'add-content'; readonly record: ContentRecord }
  | { readonly type: 'promote-content'; readonly digest: Digest }
  | { readonly type: 'remove-content'; readonly digest: Digest }
  | { readonly type: 'touch-content'; readonly digest: Digest; readonly lastUsedMs: number; readonly hits: number }
  | { readonly type: 'set-children'; readonly manifest: Digest; readonly children: readonly Descriptor[] }
  | { readonly type: 'add-link'; readonly repository: RepositoryId; readonly digest: Digest }
  | { readonly type: 'set-tag'; readonly repository: RepositoryId; readonly tag: string; readonly record: TagRecord }
  | { readonly type: 'remove-tag'; readonly repository: RepositoryId; readonly tag: string }
  | { readonly type: 'add-pin'; readonly pin: Pin }
  | { readonly type: 'remove-pin'; readonly pin: Pin }
  /** Marks what these pins mean, and nothing else, as pinned. */
  | { readonly type: 'apply-pins'; readonly pins: readonly Pin[] }
  | { readonly type: 'set-state'; readonly key: string; readonly value: string };

export type CatalogRequest =
  | { readonly type: 'open'; readonly path: string }
  /** One transaction: all or none. */
  | { readonly type: 'apply'; readonly changes: readonly CatalogChange[] }
  | { readonly type: 'compare'; readonly blobsPath: string; readonly prefix: string }
  | { readonly type: 'close' };

/** Answers `open` and `compare`; nothing else is answered with a value. */
export type CatalogReply = CatalogState | Differences | undefined;

/**
 * `clean`: as the last process left it when it closed. `unclean`: that process was killed.
 * `new`: there was none. `damaged`: it was moved aside, and this one is empty.
 */
export type CatalogState = 'clean' | 'unclean' | 'new' | 'damaged';
