import type { Digest } from '../../oci/digest.ts';
import { isMirrorError, MirrorError } from '../../oci/errors.ts';
import type { FillFacts } from '../../telemetry/events.ts';
import type { BlobStream, Upstream } from '../../upstream/upstream.ts';
import { FillAccount } from './fill-account.ts';
import type { FillContext, FillReport } from './fill-context.ts';
import { FillFile } from './fill-file.ts';
import { demandPieceBytes, reserveStepBytes, verifyFirstBytes, worthFinishingBytes } from './fill-limits.ts';
import { Fill, type FillState } from './fill.ts';
import type { Source } from './sources.ts';
import { toMirrorError, Transfer, type Wish } from './transfer.ts';

export interface FillStart {
  readonly digest: Digest;
  readonly upstream: Upstream;
  readonly repository: string;
  /** What a manifest of the same repository says: a hint until upstream says more. */
  readonly sizeHintBytes: number | undefined;
  /** Whether the last fill of this digest brought wrong bytes: then another URL is tried first. */
  readonly avoidLastUrl: boolean;
  /** Resolves when the digest's last fill has let go of its file. */
  readonly after: Promise<void>;
}

/**
 * Runs one fill from its first request to the commit: `Transfer` fetches, the file takes what comes, and it
 * becomes content only when all of it hashes to the digest.
 */
export class FillRun {
  readonly fill: Fill;
  readonly #context: FillContext;
  readonly #start: FillStart;
  readonly #account: FillAccount;
  readonly #transfer: Transfer;
  readonly #endsComing: () => void;
  #isReady = false;
  #isVerifying = false;
  #isOver = false;

  constructor(start: FillStart, context: FillContext) {
    this.#start = start;
    this.#context = context;
    this.#account = new FillAccount(context.clock);
    this.#endsComing = context.lull.begin();
    this.fill = new Fill(start.digest, context.clock);
    this.fill.sources.join(start.upstream, start.repository);
    this.#transfer = this.#createTransfer();
    const schedule = () => this.#isReady && this.#transfer.schedule();
    this.fill.drive({ schedule, onUnread: () => this.#onUnread() });
    void this.#begin();
  }

  describe(): FillFacts {
    return this.#account.describe(this.fill, this.#start, this.#transfer.connections);
  }

  /** Ends for now; what is here is kept for later. Resolves when the file is let go of. */
  async park(): Promise<void> {
    if (this.fill.state === 'running') {
      const message = 'the mirror is shutting down';
      this.#finish('parked', new MirrorError({ kind: 'shutting-down', message, retryAfterMs: 1000 }));
      if (this.fill.file !== undefined) await this.#close('parked', (file) => file.keep());
    }
    await this.fill.ended;
  }

  async #begin(): Promise<void> {
    await this.#start.after;
    try {
      const { digest, segments } = this.fill;
      const { sizeHintBytes } = this.#start;
      this.fill.file = await FillFile.open({ digest, segments, sizeHintBytes, context: this.#context });
    } catch (error) {
      await this.#bypass('begin', error);
      return;
    }
    if (this.fill.state !== 'running') {
      await this.#close('parked', (file) => file.keep());
      return;
    }
    const failure = await this.#askAhead(this.fill.file);
    this.#isReady = true;
    this.#transfer.schedule();
    // What is here waits for upstream's word, and nothing is missing whose fetch could bring it.
    if (failure !== undefined && this.#transfer.connections === 0) await this.#giveUp(failure);
    this.#checkComplete();
  }

  #createTransfer(): Transfer {
    const { limits, slots, paces, clock } = this.#context;
    return new Transfer({
      digest: this.fill.digest,
      segments: this.fill.segments,
      sources: this.fill.sources,
      sizeHintBytes: this.#start.sizeHintBytes,
      avoidLastUrl: this.#start.avoidLastUrl,
      limits,
      slots,
      paces,
      clock,
      wish: () => this.#wish(),
      onAnswer: (source, stream) => this.#onAnswer(source, stream),
      write: (offset, bytes, keep) => this.#write(offset, bytes, keep),
      onWritten: () => this.#onWritten(),
      onReceived: (bytes) => this.#account.receive(bytes),
      onUnsizedEnd: (sizeBytes) => this.#setSize(sizeBytes),
      onRefused: () => this.fill.progress.wakeAll(),
      onGivenUp: (error) => void this.#giveUp(error),
    });
  }

  /**
   * Two kinds of fill cannot begin with a segment: one of which everything that is wanted may be here already, which
   * upstream must still allow, and one of which bytes are wanted that lie nobody knows where, or beyond the end.
   * Gives what went wrong, unless it was final.
   */
  async #askAhead(file: FillFile): Promise<MirrorError | undefined> {
    const { recoveredSizeBytes } = file;
    const { segments, interests } = this.fill;
    const { sizeHintBytes } = this.#start;
    const isAllHere = recoveredSizeBytes !== undefined && segments.here.covers({ start: 0, end: recoveredSizeBytes });
    const isResumed = isAllHere || (segments.here.totalBytes > 0 && !interests.isWhole(recoveredSizeBytes));
    const source = this.fill.sources.current;
    if (source === undefined || !(isResumed || interests.needSize(recoveredSizeBytes ?? sizeHintBytes)))
      return undefined;
    let failure: MirrorError | undefined;
    try {
      const head = await source.upstream.headBlob(source.repository, this.fill.digest);
      if (this.fill.state !== 'running') return undefined;
      const sizeBytes = head.sizeBytes ?? recoveredSizeBytes ?? sizeHintBytes;
      if (sizeBytes !== undefined) this.#setSize(sizeBytes);
      this.fill.hasAnswer = sizeBytes !== undefined;
      this.fill.prove(source, head.provenance);
    } catch (error) {
      if (isMirrorError(error) && error.isFinal) this.#transfer.refuse(source, error);
      else failure = toMirrorError(error);
    }
    if (this.fill.sizeBytes === undefined) interests.wantWhole();
    return isResumed ? failure : undefined;
  }

  #wish(): Wish {
    return {
      waiting: this.fill.interests.waiting(this.fill.segments.here, this.fill.sizeBytes),
      isWhole: this.fill.interests.isWhole(this.fill.sizeBytes),
      asked: this.fill.interests.asked,
      demandBytes: demandPieceBytes,
      hasReaders: this.fill.interests.size > 0,
    };
  }

  #onAnswer(source: Source, stream: BlobStream): void {
    if (this.fill.state !== 'running') throw new Error('the fill has ended');
    const sizeBytes = stream.sizeBytes ?? (stream.start === 0 ? stream.end : undefined) ?? this.#start.sizeHintBytes;
    if (this.fill.sizeBytes !== undefined && sizeBytes !== undefined && sizeBytes !== this.fill.sizeBytes) {
      throw new MirrorError({ kind: 'content-mismatch', message: 'upstream names two sizes for one digest' });
    }
    if (sizeBytes !== undefined && this.fill.sizeBytes === undefined) this.#setSize(sizeBytes);
    this.fill.hasAnswer = true;
    this.fill.prove(source, stream.provenance);
    this.#checkComplete();
    if (this.fill.interests.size === 0) this.#onUnread();
  }

  #setSize(sizeBytes: number): void {
    this.#refuseAbove(sizeBytes);
    const recoveredSize = this.fill.file?.recoveredSizeBytes;
    if (recoveredSize !== undefined && recoveredSize !== sizeBytes) this.fill.segments.here.clear();
    this.fill.segments.setSize(sizeBytes);
    this.fill.interests.clip(sizeBytes);
    const moreBytes = sizeBytes - (this.fill.file?.reservedBytes ?? 0);
    if (!this.#context.space.fits(moreBytes)) {
      void this.#bypass('fit', undefined);
      return;
    }
    this.fill.file?.reserve(sizeBytes);
    // None of it may be on file, or on its way there.
    const isUntouched = this.fill.segments.here.totalBytes === 0 && this.#account.receivedBytes === 0;
    if (isUntouched && sizeBytes <= verifyFirstBytes) this.fill.file?.holdInMemory(sizeBytes);
    this.#checkComplete();
  }

  #refuseAbove(bytes: number): void {
    if (bytes <= this.#context.limits.maxBlobBytes) return;
    throw new MirrorError({ kind: 'upstream-failed', message: 'the blob is larger than maxBlobSize', isFinal: true });
  }

  async #write(offset: number, bytes: Uint8Array, keep: BlobStream['keep']): Promise<void> {
    this.#refuseAbove(offset + bytes.length);
    if (!this.#reserveUpTo(offset + bytes.length)) {
      await this.#bypass('fit', undefined);
      throw new Error('the store has no room for more of it');
    }
    try {
      await this.fill.write(offset, bytes, keep);
    } catch (error) {
      await this.#bypass('write', error);
      throw error;
    }
  }

  /** A blob of unknown size is booked as it grows. False when no more of it can be kept. */
  #reserveUpTo(end: number): boolean {
    const { file, sizeBytes } = this.fill;
    if (file === undefined || sizeBytes !== undefined || end <= file.reservedBytes) return true;
    const more = Math.ceil((end - file.reservedBytes) / reserveStepBytes) * reserveStepBytes;
    if (!this.#context.space.fits(more)) return false;
    file.reserve(file.reservedBytes + more);
    return true;
  }

  #onWritten(): void {
    if (this.fill.state !== 'running') return;
    this.fill.file?.onWritten(this.fill.segments.here.firstMissing(0));
    this.fill.progress.wakeSoon();
    this.#checkComplete();
  }

  #checkComplete(): void {
    if (this.fill.state !== 'running' || this.#isVerifying || this.fill.provenance === undefined) return;
    if (!this.fill.segments.isComplete || this.fill.file === undefined) return;
    this.#isVerifying = true;
    void this.#verify(this.fill.file, this.fill.sizeBytes ?? 0);
  }

  async #verify(file: FillFile, sizeBytes: number): Promise<void> {
    let isRight: boolean;
    try {
      isRight = await file.verify(sizeBytes);
    } catch (error) {
      await this.#bypass('verify', error);
      return;
    }
    if (this.fill.state !== 'running') return;
    if (!isRight) {
      const message = 'upstream sent other content than the digest names';
      this.#finish('failed', new MirrorError({ kind: 'content-mismatch', message }));
      await this.#close('mismatch', () => file.discard());
      return;
    }
    this.#finish('verified', undefined);
    const object = { digest: this.fill.digest, sizeBytes, provenance: this.fill.provenance ?? 'restricted' };
    const isKept = await file.commit(object);
    if (isKept) this.#context.onCommitted(object, this.fill.sources.proven);
    file.unreserve();
    await this.#close(isKept ? 'committed' : 'failed', async () => {});
  }

  async #giveUp(error: MirrorError): Promise<void> {
    if (this.fill.state !== 'running') return;
    this.#finish('failed', error);
    // After an outage the next fill goes on from here. After a final answer there is nothing to go on with, unless
    // it is only this pull's repositories that were refused and the bytes are an earlier fill's.
    const { sizeBytes = this.fill.file?.recoveredSizeBytes, provenance, segments } = this.fill;
    const isResumable = sizeBytes !== undefined && segments.here.totalBytes > 0;
    const isWorthKeeping = isResumable && (!error.isFinal || provenance === undefined);
    await this.#close('failed', (file) => (isWorthKeeping ? file.keep() : file.discard()));
  }

  /** Nobody reads any more: finish it if that is cheap, keep it for later if not. */
  #onUnread(): void {
    if (this.#isOver) this.fill.file?.close();
    // Before upstream's first answer nobody can say; then this is asked again.
    if (this.fill.state !== 'running' || !this.fill.hasAnswer) return;
    const { sizeBytes } = this.fill;
    const remaining = this.fill.segments.missingBytes;
    const isCheap = sizeBytes !== undefined && (remaining * 2 <= sizeBytes || remaining <= worthFinishingBytes);
    const isWanted = this.fill.interests.isWhole(sizeBytes);
    if (isWanted && isCheap && this.#context.mayFinishUnread(this.fill.digest, remaining)) return;
    this.#finish('parked', undefined);
    void this.#close('parked', (file) => (sizeBytes === undefined ? file.discard() : file.keep()));
  }

  /** The store cannot hold it: each reader drains what is here and goes on with a stream of its own. */
  async #bypass(operation: string, error: unknown): Promise<void> {
    if (this.fill.state !== 'running') return;
    if (error !== undefined) this.#context.onStoreError(operation, error);
    this.#finish('bypassed', undefined);
    await this.#close('bypassed', (file) => file.discard());
  }

  #finish(state: FillState, failure: MirrorError | undefined): void {
    this.#transfer.end();
    this.#account.end();
    this.#endsComing();
    this.fill.finish(state, failure);
  }

  async #close(result: FillReport['result'], end: (file: FillFile) => Promise<void>): Promise<void> {
    const { fill } = this;
    if (fill.file !== undefined) await end(fill.file);
    this.#isOver = true;
    if (fill.interests.size === 0) fill.file?.close();
    const { upstream, repository } = this.#start;
    const { digest, sizeBytes, provenance, failure: error } = fill;
    const facts = { digest, upstream: upstream.name, repository, sizeBytes, provenance, ...this.#account.totals };
    this.#context.onEnded({ ...facts, result, error });
    fill.setEnded();
  }
}
