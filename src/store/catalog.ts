import type { Descriptor } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';
import type { RepositoryId } from '../oci/reference.ts';
import type { StoredObject } from './content-store.ts';

/**
 * What must survive a restart. Reads are synchronous and see every write made before them, also those
 * that are still on their way to the disk. Writes go to a worker in batches; their promises resolve when
 * a kill of the process can no longer undo them (a power cut may, then the files make it good), and never
 * reject: a catalog that cannot write says so in health, and pulls go on.
 */
export interface Catalog {
  findContent(digest: Digest): ContentRecord | undefined;
  /** Adds the row, or replaces it. */
  addContent(object: StoredObject, facts: { readonly mediaType: string | undefined }): Promise<void>;
  /** Restricted becomes public. */
  promoteContent(digest: Digest): Promise<void>;
  removeContent(digest: Digest): Promise<void>;
  /** A use now: last use and hits; for a manifest also those of all it lists. Batched, not awaited. */
  touchContent(digest: Digest): void;
  /** The least recently used unpinned content first, manifests last; at most `limit`. */
  listEvictable(limit: number): readonly ContentRecord[];
  totals(): { readonly objects: number; readonly bytes: number };

  /** What the manifest lists, for size hints and for uses by way of the manifest. */
  setChildren(manifest: Digest, children: readonly Descriptor[]): Promise<void>;
  /** The descriptor of `digest` in a manifest that is linked to this repository. A claim, not a fact. */
  findDescriptor(repository: RepositoryId, digest: Digest): Descriptor | undefined;

  /** True when upstream once answered 200 for exactly this repository and digest. */
  hasLink(repository: RepositoryId, digest: Digest): boolean;
  addLink(repository: RepositoryId, digest: Digest): Promise<void>;

  findTag(repository: RepositoryId, tag: string): TagRecord | undefined;
  setTag(repository: RepositoryId, tag: string, record: TagRecord): Promise<void>;
  removeTag(repository: RepositoryId, tag: string): Promise<void>;
  /** Repositories of which public content is here, in bytewise order: `upstream/repository` pairs. */
  listPublicRepositories(): readonly RepositoryId[];

  close(): Promise<void>;
}

export interface ContentRecord extends StoredObject {
  /** Set only for content that was verified as a manifest of this type. */
  readonly mediaType: string | undefined;
  /** Wall time, milliseconds since 1970. */
  readonly lastUsedMs: number;
  readonly hits: number;
}

export interface TagRecord {
  readonly digest: Digest;
  /** When upstream last confirmed it: wall time, milliseconds since 1970. */
  readonly checkedMs: number;
  /** Upstream's validator of the manifest, where it gives no digest on HEAD. */
  readonly etag: string | undefined;
}
