// The store: bytes and facts we have. Knows nothing of HTTP, upstreams or why it is asked.
import type { Digest } from '../oci/digest.ts';
import type { Provenance } from '../oci/provenance.ts';
import type { Span } from '../oci/span.ts';

/**
 * Content by digest, and files on their way to becoming content.
 * Every implementation passes `__tests__/contract/content-store.ts`.
 */
export interface ContentStore {
  /**
   * Opens an object for reading; the caller must `close` it. It stays readable after `remove`.
   * Undefined when it is absent or, which counts as absent, not `sizeBytes` long.
   */
  open(object: StoredObject): Promise<ContentReader | undefined>;
  /**
   * Calls back once when something happens to the object's file, whoever does it, before a later `open` could tell. The
   * result ends it, and must be called unless it was called back. Undefined when it is absent, or cannot be watched.
   */
  watch(object: StoredObject, onChanged: () => void): Promise<(() => void) | undefined>;
  /**
   * Writes a small object whose bytes the caller has verified. Durable when it resolves. What nobody waits for
   * (`isAwaited` is false) does not stand in the way of what somebody does.
   */
  put(object: StoredObject, bytes: Uint8Array, options?: { readonly isAwaited?: boolean }): Promise<void>;
  /**
   * Starts, or resumes, the one file in which `digest` is collected; the caller must end it by
   * `commit`, `abort` or `park`, and then `close` it. At most one per digest: a second `begin` throws.
   */
  begin(digest: Digest): Promise<PartialContent>;
  /** Moves restricted content to public. Harmless when it is public already. */
  promote(object: StoredObject): Promise<void>;
  /** Deletes an object; open readers keep what they have. Harmless when it is absent. */
  remove(object: StoredObject): Promise<void>;
  /** Puts a damaged object aside, where nobody is served from. Harmless when it is absent. */
  quarantine(object: StoredObject): Promise<void>;
  /** The names of all objects whose digests begin with `sha256:ab` or the like: algorithm and two digits. */
  list(prefix: string): Promise<readonly ObjectName[]>;
  /** The object under this name, whatever its size. */
  find(name: ObjectName): Promise<FoundObject | undefined>;
  /** What takes room without being content, but for partial files that are being written. */
  listLeftovers(): Promise<readonly Leftover[]>;
  /** False when it is in use again. */
  removeLeftover(leftover: Leftover): Promise<boolean>;
  /** Bytes of objects and partial files that were deleted while somebody reads them: the disk has them until then. */
  lingeringBytes(): number;
}

export interface StoredObject {
  readonly digest: Digest;
  readonly sizeBytes: number;
  readonly provenance: Provenance;
}

export type ObjectName = Omit<StoredObject, 'sizeBytes'>;

export interface FoundObject extends StoredObject {
  /** Wall time of its last change, milliseconds since 1970. */
  readonly changedMs: number;
}

export interface ContentReader {
  readonly sizeBytes: number;
  /** Whether the bytes are known to have the digest: they were hashed since the start and not changed since. */
  readonly isTrusted: boolean;
  /**
   * True when the bytes have the digest: at once when that is known, else after one pass over them, which all readers
   * share and which goes on when this one closes; with `isAnew` in any case. Rejects with what the disk says.
   */
  verify(options?: { readonly isAnew?: boolean }): Promise<boolean>;
  /**
   * Fills `into` from `position`; gives the bytes read, 0 only at the end. After ETIMEDOUT the disk may still be
   * filling `into`: it must not be used again.
   */
  read(position: number, into: Uint8Array): Promise<number>;
  /** Call once. Reads under way end first. */
  close(): void;
}

/** `parked`: a partial file that nobody writes. `quarantined`: an object that was found damaged. */
export interface Leftover {
  readonly type: 'parked' | 'quarantined';
  readonly digest: Digest;
  /** Bytes it takes on the disk. */
  readonly heldBytes: number;
  /** Wall time of its last change, milliseconds since 1970. */
  readonly changedMs: number;
}

/** A sparse file, written in any order, read while it is written. */
export interface PartialContent {
  readonly digest: Digest;
  /** What an earlier process or fill left: spans to be trusted only through the final hash; size if it was known. */
  readonly recovered: { readonly spans: readonly Span[]; readonly sizeBytes: number | undefined };
  /** Writes all of `bytes` at `offset`. Rejects with what the disk said (ENOSPC, EIO, …). The buffer is free again when it resolves. */
  write(offset: number, bytes: Uint8Array): Promise<void>;
  /** Fills `into` from `position`; the caller knows that the bytes are here. Gives the bytes read. */
  read(position: number, into: Uint8Array): Promise<number>;
  /** Remembers what is here, for `begin` after a crash or a park. Replaces the last record at once or not at all. */
  saveJournal(state: { readonly spans: readonly Span[]; readonly sizeBytes: number | undefined }): Promise<void>;
  /**
   * Tells the hash worker that bytes 0 to `end` are on file; it reads them from there, off the event loop.
   * `end` never goes down. Gives nothing back; failures show in `verify` and `forkHash`.
   */
  advanceHash(end: number): void;
  /** True when all `sizeBytes` bytes hash to the digest. The prefix is hashed already, so this is quick after the last `advanceHash`. */
  verify(sizeBytes: number): Promise<boolean>;
  /** A hash that starts with bytes 0 to `end` of this file, to be continued with bytes from elsewhere. */
  forkHash(end: number): Promise<StreamHash>;
  /**
   * Makes verified content of it: fsync, rename, directory fsync, in a queue of at most 2.
   * Rejects with what the disk said; then `abort` it.
   */
  commit(object: StoredObject): Promise<void>;
  /** Deletes file and journal. Readers of this object may still `read` until `close`. */
  abort(): Promise<void>;
  /** Keeps file and journal for a later `begin`. */
  park(): Promise<void>;
  /** Frees the descriptor, after reads under way. Call once, last. */
  close(): Promise<void>;
}

/** A hash fed by hand; `matches` or `close` ends it. */
export interface StreamHash {
  /** The buffer is free again when it resolves. */
  update(bytes: Uint8Array): Promise<void>;
  /** True when what was hashed has this digest. */
  matches(digest: Digest): Promise<boolean>;
  close(): void;
}
