import type { Digest } from '../oci/digest.ts';
import type { RepositoryId } from '../oci/reference.ts';
import type { FillFacts } from '../telemetry/events.ts';
import type {
  BlobPull,
  Demand,
  ManifestPull,
  RecalledBlob,
  ReferrersPull,
  ServedBlob,
  ServedBlobHead,
  ServedManifest,
  ServedReferrers,
  ServedTags,
  TagsPull,
} from './pull.ts';

/**
 * What `http` and `admin` ask of the mirror. Every method throws `MirrorError`.
 * `signal` fires when the client has left: what only that client wanted may then end.
 */
export interface Mirror {
  /** What `getManifest` and `headManifest` would give, at once, where it is in memory and nobody need be asked. */
  recallManifest(pull: ManifestPull): ServedManifest | undefined;
  /** What `getBlob` and `headBlob` would give, likewise. */
  recallBlob(pull: BlobPull): RecalledBlob | undefined;
  getManifest(pull: ManifestPull, signal: AbortSignal): Promise<ServedManifest>;
  /** As `getManifest`, but a tag is asked for upstream even while it is fresh, and what is here makes up for no failure. */
  checkManifest(pull: ManifestPull, signal: AbortSignal): Promise<ServedManifest>;
  headManifest(pull: ManifestPull, signal: AbortSignal): Promise<ServedManifest>;
  getBlob(pull: BlobPull, demand: Demand, signal: AbortSignal): Promise<ServedBlob>;
  headBlob(pull: BlobPull, signal: AbortSignal): Promise<ServedBlobHead>;
  /** Whether this content is here and may leave through this repository, which upstream may have to be asked. Nothing of it is read. */
  hasContent(pull: BlobPull): Promise<boolean>;
  /** Resolves when what is here of this content is in the store for good, or is not going to be; at once where nothing is. */
  whenKept(digest: Digest): Promise<void>;
  /** Ends the fill of this digest if nobody reads it; what has come is kept for the next one. */
  parkUnread(digest: Digest): Promise<void>;
  listTags(pull: TagsPull, signal: AbortSignal): Promise<ServedTags>;
  listReferrers(pull: ReferrersPull, signal: AbortSignal): Promise<ServedReferrers>;
  /** Repositories with public content in the cache, bytewise order. */
  listCatalog(): readonly RepositoryId[];
  /** Facts for health and tests: fills running, readers attached, pulls that wait. */
  stats(): MirrorStats;
  /** The fills that run, in the order of their start. */
  listFills(): readonly FillFacts[];
  /** Parks fills without readers, and waits for the rest to end. */
  close(): Promise<void>;
}

export interface MirrorStats {
  readonly fills: number;
  readonly readers: number;
  /** Pulls that wait until they may begin a fill. */
  readonly waiting: number;
}
