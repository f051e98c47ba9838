import type { Descriptor } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';
import type { Pin } from '../oci/pin.ts';
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
  /** The same without its uses: from memory, where it was asked for before. */
  findStored(digest: Digest): StoredContent | undefined;
  /** Adds the row, or replaces it. `lastUsedMs` is for content that was here before its row: now at the latest. */
  addContent(
    object: StoredObject,
    facts: { readonly mediaType: string | undefined; readonly lastUsedMs?: number },
  ): Promise<void>;
  /** Restricted becomes public. */
  promoteContent(digest: Digest): Promise<void>;
  removeContent(digest: Digest): Promise<void>;
  /**
   * A use now. A use of a manifest is one of all that it lists, and of what those list: who has the layers already
   * never asks for them. Batched, not awaited.
   */
  touchContent(digest: Digest): void;
  /** Now, in the time that `lastUsedMs` is in: it never goes back, whatever the wall clock does. */
  useTimeMs(): number;
  /** The least recently used content of this kind first; at most `limit`. */
  listEvictable(kind: EvictableKind, limit: number): Promise<readonly ContentRecord[]>;
  /** Every row whose digest begins with this text, in no order. */
  listContent(prefix: string): readonly ContentRecord[];
  totals(): ContentTotals;
  /** The same by kind, as of the last batch that was written. */
  totalsByKind(): Readonly<Record<ContentKind, ContentTotals>>;

  /** Pins that operators made while we run; those of the configuration are not among them. */
  listPins(): readonly Pin[];
  addPin(...pins: readonly Pin[]): Promise<void>;
  removePin(...pins: readonly Pin[]): Promise<void>;
  /** Finds out anew which content is pinned, the configuration's pins included: tags move, content comes. */
  applyPins(): Promise<void>;

  /** Small facts that survive a restart. Undefined when there is none. */
  findState(key: string): string | undefined;
  setState(key: string, value: string): Promise<void>;

  /** What the manifest lists, for size hints and for uses by way of the manifest. */
  setChildren(manifest: Digest, children: readonly Descriptor[]): Promise<void>;
  /** What `setChildren` was last told; empty for what is no manifest here. */
  childrenOf(manifest: Digest): readonly Descriptor[];
  /** The descriptor of `digest` in a manifest that is linked to this repository. A claim, not a fact. */
  findDescriptor(repository: RepositoryId, digest: Digest): Descriptor | undefined;

  /** True when upstream once answered 200 for exactly this repository and digest. */
  hasLink(repository: RepositoryId, digest: Digest): boolean;
  addLink(repository: RepositoryId, digest: Digest): Promise<void>;

  findTag(repository: RepositoryId, tag: string): TagRecord | undefined;
  setTag(repository: RepositoryId, tag: string, record: TagRecord): Promise<void>;
  removeTag(repository: RepositoryId, tag: string): Promise<void>;
  /** Tags of this repository that name this content, or a manifest or index here that lists it; in no order. */
  listTagsLeadingTo(repository: RepositoryId, digest: Digest): readonly string[];
  /** Repositories of which public content is here, in bytewise order: `upstream/repository` pairs. */
  listPublicRepositories(): readonly RepositoryId[];

  close(): Promise<void>;
}

/** What decides when content goes: how often it was used, whether it is a manifest, whether it is pinned. */
export const contentKinds = ['once', 'reused', 'manifest', 'pinned'] as const;
export type ContentKind = (typeof contentKinds)[number];
export type EvictableKind = Exclude<ContentKind, 'pinned'>;

export interface ContentTotals {
  readonly objects: number;
  readonly bytes: number;
}

export interface StoredContent extends StoredObject {
  /** Set only for content that was verified as a manifest of this type. */
  readonly mediaType: string | undefined;
}

export interface ContentRecord extends StoredContent {
  readonly kind: ContentKind;
  /** Milliseconds since 1970, as `useTimeMs` counts them. */
  readonly lastUsedMs: number;
  /** Requests that it answered; uses by way of a manifest are not among them. */
  readonly hits: number;
}

export interface TagRecord {
  readonly digest: Digest;
  /** When upstream last confirmed it: wall time, milliseconds since 1970. */
  readonly checkedMs: number;
  /** Upstream's validator of the manifest, where it gives no digest on HEAD. */
  readonly etag: string | undefined;
}
