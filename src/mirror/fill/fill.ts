import type { Digest } from '../../oci/digest.ts';
import type { MirrorError } from '../../oci/errors.ts';
import type { Provenance } from '../../oci/provenance.ts';
import type { Span } from '../../oci/span.ts';
import type { Clock } from '../../telemetry/clock.ts';
import type { BlobStream } from '../../upstream/upstream.ts';
import type { FillFile } from './fill-file.ts';
import { verifyFirstBytes } from './fill-limits.ts';
import { Interests, type Interest } from './interest.ts';
import type { Demand } from '../pull.ts';
import { RecentRuns } from './recent-runs.ts';
import { SharedChunks } from './shared-chunks.ts';
import { Segments } from './segments.ts';
import { Sources, type Source } from './sources.ts';
import { Waiters } from './waiters.ts';

/**
 * `verified`: all of it is here and right. `bypassed`: the store cannot hold it, readers go on by themselves.
 * `failed`, `parked`: no more bytes than are here.
 */
export type FillState = 'running' | 'verified' | 'bypassed' | 'failed' | 'parked';

/** What a fill's readers set off; `FillRun` fulfils it. */
export interface FillDriver {
  /** What readers want has changed. */
  schedule(): void;
  /** The last reader has left. */
  onUnread(): void;
}

/**
 * Content being brought into the store, as its readers see it: once for everybody who wants it and may see it.
 * A sparse file and a set of spans; `FillRun` fetches what is missing, readers follow what is here.
 */
export class Fill {
  readonly digest: Digest;
  readonly segments = new Segments();
  readonly sources = new Sources();
  readonly interests = new Interests();
  /** Of the file, for all readers. */
  readonly chunks = new SharedChunks();
  /** On file and still in memory, while it runs. */
  readonly recent = new RecentRuns();
  /** Woken by everything that a reader may wait for. */
  readonly progress: Waiters;
  /** Resolves when no more bytes will come, whatever becomes of those that have. */
  readonly finished: Promise<void>;
  /** Resolves when the fill is over and its file is content, kept or gone; readers may still be reading. */
  readonly ended: Promise<void>;
  /** The file to read from, open until the last interest has left; undefined when there is none. */
  file: FillFile | undefined;
  /** Whether upstream has answered, so that the size is known, or known to be unknown. */
  hasAnswer = false;
  #state: FillState = 'running';
  #provenance: Provenance | undefined;
  #failure: MirrorError | undefined;
  #driver: FillDriver | undefined;
  #setFinished: () => void = () => {};
  #setEnded: () => void = () => {};

  constructor(digest: Digest, clock: Clock) {
    this.digest = digest;
    this.progress = new Waiters(clock);
    this.finished = new Promise((resolve) => {
      this.#setFinished = resolve;
    });
    this.ended = new Promise((resolve) => {
      this.#setEnded = resolve;
    });
  }

  get state(): FillState {
    return this.#state;
  }

  get isVerified(): boolean {
    return this.#state === 'verified';
  }

  /** How the content came: public once any source gave it to an anonymous request; undefined before the first answer. */
  get provenance(): Provenance | undefined {
    return this.#provenance;
  }

  /** Why there will be no more bytes. */
  get failure(): MirrorError | undefined {
    return this.#failure;
  }

  get sizeBytes(): number | undefined {
    return this.segments.sizeBytes;
  }

  drive(driver: FillDriver): void {
    this.#driver = driver;
  }

  /** Somebody wants bytes of it through `source`, but may not see any before `Visibility` says so. */
  join(source: Source, demand: Demand): Interest {
    const interest = this.interests.add(source, demand);
    this.#driver?.schedule();
    return interest;
  }

  /** Which bytes exactly an interest is after, the size being known. */
  settle(interest: Interest, span: Span): void {
    this.interests.settle(interest, span);
    this.#driver?.schedule();
  }

  /** The reader has moved on within its span; what it needs next may have to be fetched. */
  moved(interest: Interest, position: number): void {
    interest.position = position;
    if (position < interest.end && this.segments.isOpen(position)) this.#driver?.schedule();
  }

  leave(interest: Interest): void {
    this.interests.remove(interest);
    if (this.interests.size === 0) this.#driver?.onUnread();
  }

  /** Upstream has answered 200 for this source and this digest. */
  prove(source: Source, provenance: Provenance): void {
    source.provenance ??= provenance;
    if (this.#provenance !== 'public') this.#provenance = provenance;
    this.progress.wakeAll();
  }

  /**
   * To the file; readers close behind get the bytes from the memory that they came in, as long as `keep` gives that
   * (see `BlobStream`). Rejects with what the disk said.
   */
  async write(start: number, bytes: Uint8Array, keep: BlobStream['keep']): Promise<void> {
    await this.file?.write(start, bytes);
    // What is small is in memory as a whole.
    if (this.#state !== 'running' || (this.sizeBytes ?? 0) <= verifyFirstBytes) return;
    const readers = this.interests.countNear({ start, end: start + bytes.length });
    const release = readers === 0 ? undefined : keep(bytes);
    if (release !== undefined) this.recent.add({ start, bytes, release }, readers);
  }

  /** No more bytes will come; `failure` is what readers are told who still need some. */
  finish(state: FillState, failure: MirrorError | undefined): void {
    this.#state = state;
    this.#failure = failure;
    this.recent.clear();
    this.progress.wakeAll();
    this.#setFinished();
  }

  setEnded(): void {
    this.#setEnded();
  }
}
