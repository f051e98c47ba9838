import type { Digest } from '../oci/digest.ts';
import type { Pin } from '../oci/pin.ts';
import type { Provenance } from '../oci/provenance.ts';
import type { RepositoryId } from '../oci/reference.ts';

/** Only what fits all that is given. `search` is plain text, found anywhere in the name whatever its case (of ASCII). */
export interface BrowseFilter {
  readonly search: string | undefined;
  readonly upstream: string | undefined;
}

export interface RepositoryQuery extends BrowseFilter {
  /** The last one of the page before. */
  readonly after: RepositoryId | undefined;
  readonly limit: number;
}

export interface BrowsedRepository extends RepositoryId {
  /** Whose manifests are here. */
  readonly tags: number;
  /** Milliseconds since 1970. */
  readonly lastUsedMs: number | undefined;
}

/** All but `name` begin with the most. */
export type ImageOrder = 'name' | 'used' | 'size' | 'hits';

export interface ImageQuery extends BrowseFilter {
  readonly repository: string | undefined;
  readonly order: ImageOrder;
  /** Where the page before ended. */
  readonly after: ImagePosition | undefined;
  readonly limit: number;
}

/** A place in a list of images; `value` is what the list is sorted by, 0 where that is the name. */
export interface ImagePosition extends RepositoryId {
  readonly value: number;
  readonly digest: string;
  readonly tag: string;
}

export interface ImageSizes {
  /** Of config and layers of its manifests that are here, each once. */
  readonly sizeBytes: number;
  /** Of that, what is here. */
  readonly cachedBytes: number;
}

/** A tag whose manifest is here. */
export interface BrowsedImage extends RepositoryId, ImageSizes {
  readonly tag: string;
  readonly digest: Digest;
  readonly mediaType: string;
  readonly provenance: Provenance;
  readonly isPinned: boolean;
  readonly hits: number;
  /** Milliseconds since 1970, both. */
  readonly lastUsedMs: number;
  readonly checkedMs: number;
  /** For the next page. */
  readonly position: ImagePosition;
}

/** An image that is asked about, so that others can be told from it. */
export interface ImageId extends RepositoryId {
  /** Undefined for an image by digest: then all tags of that digest in the repository are the image itself. */
  readonly tag: string | undefined;
  readonly digest: Digest;
}

/** Which other cached tags lead to an object. */
export interface Sharing {
  readonly digest: Digest;
  /** In order, at most `maxNames`. */
  readonly images: readonly { readonly upstream: string; readonly repository: string; readonly tag: string }[];
  /** At most `maxCounted`: that many or more. */
  readonly count: number;
}

/** Through which repositories restricted content may leave: those for which its upstream has answered. */
export interface Links {
  /** In order, at most `maxNames`. */
  readonly repositories: readonly RepositoryId[];
  /** At most `maxCounted`: that many or more. */
  readonly count: number;
}

export const maxNames = 20;
export const maxCounted = 1000;

export interface PurgeQuestion {
  readonly digest: Digest;
  /** The repository's tags that are taken away: a full disk may keep the catalog from forgetting them. */
  readonly repository: RepositoryId;
  readonly tags: readonly string[];
  /** What they hold stays. */
  readonly pins: readonly Pin[];
}

/** What goes with an image that is purged, and what of it stays. */
export interface PurgePlan {
  /** Of what is here: the manifests before what they list. */
  readonly removed: readonly Digest[];
  readonly kept: number;
}

/** How a repository has to do with a manifest. */
export interface Belonging {
  /** The repository's tags that lead to it. */
  readonly tags: readonly string[];
  /** Upstream has answered for it there. */
  readonly isLinked: boolean;
  readonly isLinkedElsewhere: boolean;
}

export type BrowseRequest =
  | { readonly type: 'open'; readonly path: string }
  | { readonly type: 'repositories'; readonly query: RepositoryQuery }
  | { readonly type: 'images'; readonly query: ImageQuery }
  | { readonly type: 'sizes'; readonly digest: Digest }
  | { readonly type: 'sharing'; readonly image: ImageId; readonly digests: readonly Digest[] }
  | { readonly type: 'belonging'; readonly repository: RepositoryId; readonly digest: Digest }
  | { readonly type: 'links'; readonly digest: Digest }
  | ({ readonly type: 'plan-purge' } & PurgeQuestion)
  | { readonly type: 'close' };

export type BrowseReply =
  | readonly BrowsedRepository[]
  | readonly BrowsedImage[]
  | ImageSizes
  | readonly Sharing[]
  | Belonging
  | Links
  | PurgePlan
  | undefined;
