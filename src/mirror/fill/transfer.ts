import type { Digest } from '../../oci/digest.ts';
import { MirrorError } from '../../oci/errors.ts';
import type { Clock, Timer } from '../../telemetry/clock.ts';
import type { BlobStream } from '../../upstream/upstream.ts';
import type { ConnectionSlots } from './connection-slots.ts';
import { firstPieceBytes, plainGetBelowBytes, type FillLimits } from './fill-limits.ts';
import { Pace, type Paces } from './pace.ts';
import { Ramp, rampWindowMs } from './ramp.ts';
import { Retry } from './retry.ts';
import { fetchSegment } from './segment-fetch.ts';
import type { Plan, Segment, Segments } from './segments.ts';
import type { Source, Sources } from './sources.ts';

/** Without it an exception with its stack would be made each time, which nobody sees. */
const ended = new DOMException('the transfer has ended', 'AbortError');

/** What the readers of a fill want fetched, at this moment. */
export interface Wish extends Pick<Plan, 'waiting' | 'isWhole' | 'asked' | 'demandBytes'> {
  readonly hasReaders: boolean;
}

export interface TransferOptions {
  readonly digest: Digest;
  readonly segments: Segments;
  readonly sources: Sources;
  readonly sizeHintBytes: number | undefined;
  readonly avoidLastUrl: boolean;
  readonly limits: FillLimits;
  readonly slots: ConnectionSlots;
  readonly paces: Paces;
  readonly clock: Clock;
  wish(): Wish;
  onAnswer(source: Source, stream: BlobStream): void;
  write(offset: number, bytes: Uint8Array, keep: BlobStream['keep']): Promise<void>;
  /** What was written is booked in `segments`. */
  onWritten(): void;
  onReceived(bytes: number): void;
  /** A body of unknown size has ended by itself after so many bytes. */
  onUnsizedEnd(sizeBytes: number): void;
  /** This source will not be asked again: its readers end with `refusal`. */
  onRefused(source: Source, refusal: MirrorError): void;
  /** Nothing more will come. */
  onGivenUp(error: MirrorError): void;
}

/**
 * The network side of a fill: keeps as many segments running as pays, resumes what breaks, moves on to the
 * next source when one refuses, and gives up when nothing helps. It decides nothing about readers or files.
 */
export class Transfer {
  readonly #options: TransferOptions;
  /** Its time begins with the first request: a fill may wait long for a connection. */
  #retry: Retry | undefined;
  readonly #ramp: Ramp;
  readonly #running = new Map<AbortController, Source>();
  readonly #receiving = new Set<AbortController>();
  #hasAnswered = false;
  #isEnded = false;
  #pauseTimer: Timer | undefined;
  #rampTimer: Timer | undefined;
  #rampMs = 0;
  #leaveQueue: (() => void) | undefined;
  readonly #pace: Pace;

  constructor(options: TransferOptions) {
    this.#options = options;
    this.#pace = new Pace(options.paces);
    this.#ramp = new Ramp(options.limits.maxConnections);
  }

  get connections(): number {
    return this.#running.size;
  }

  /** Starts what is wanted and allowed. Call it whenever readers, their wishes or the sources have changed. */
  schedule(): void {
    while (!this.#isEnded && this.#pauseTimer === undefined && this.#startOne());
  }

  /** Upstream's answer for this source was final: it goes on with the next one, or not at all. */
  refuse(source: Source, refusal: MirrorError): void {
    const { sources } = this.#options;
    sources.refuse(source, refusal);
    this.#options.onRefused(source, refusal);
    if (sources.current === undefined) this.#giveUp(refusal);
  }

  /** Ends every connection; nothing is called back afterwards. */
  end(): void {
    this.#isEnded = true;
    this.#pauseTimer?.stop();
    this.#rampTimer?.stop();
    this.#leaveQueue?.();
    for (const abort of this.#running.keys()) abort.abort(ended);
  }

  #startOne(): boolean {
    const { segments, sources, slots } = this.#options;
    const source = sources.current;
    if (source === undefined || segments.isComplete) return false;
    const wish = this.#options.wish();
    if (this.#running.size >= this.#allowed(wish, source)) return false;
    if (!slots.tryTake(source.upstream.name)) {
      this.#waitForSlot(source);
      return false;
    }
    const claimed = this.#claim(wish, source);
    if (claimed === undefined) {
      slots.release(source.upstream.name);
      return false;
    }
    void this.#run(claimed.segment, source, claimed.isPlain);
    return true;
  }

  #allowed(wish: Wish, source: Source): number {
    if (!this.#hasAnswered || !source.hasRanges || !wish.hasReaders) return 1;
    const { segments } = this.#options;
    const isDemandOpen = wish.waiting.some((offset) => segments.isOpen(offset));
    return isDemandOpen ? this.#options.limits.maxConnections : this.#ramp.allowed;
  }

  #claim(wish: Wish, source: Source): { segment: Segment; isPlain: boolean } | undefined {
    const { segments, sizeHintBytes } = this.#options;
    const sizeBytes = segments.sizeBytes ?? sizeHintBytes;
    const isUntouched = segments.here.totalBytes === 0 && wish.isWhole;
    const isSmall = sizeBytes !== undefined && sizeBytes < plainGetBelowBytes && isUntouched;
    if (!source.hasRanges || isSmall) {
      const segment = segments.claimRest();
      return segment && { segment, isPlain: true };
    }
    const pieceBytes = this.#pace.pieceBytes(source.upstream.name, segments.missingBytes, this.#ramp.allowed);
    const { rate } = this.#pace;
    const segment = segments.claim({
      ...wish,
      pieceBytes: sizeBytes === undefined ? firstPieceBytes : pieceBytes,
      patienceBytes: rate > 0 && wish.hasReaders ? Math.max(rate, 1024 * 1024) : Infinity,
    });
    return segment && { segment, isPlain: false };
  }

  async #run(segment: Segment, source: Source, isPlain: boolean): Promise<void> {
    const { segments } = this.#options;
    const abort = new AbortController();
    this.#running.set(abort, source);
    this.#retry ??= new Retry(this.#options.limits.resumeForMs, this.#options.clock.monotonicMs());
    this.#watchRate();
    let failure: unknown;
    const { position } = segment;
    const startMs = this.#options.clock.monotonicMs();
    try {
      await this.#fetch(segment, source, isPlain, abort);
      const elapsedMs = this.#options.clock.monotonicMs() - startMs;
      this.#pace.endPiece(source.upstream.name, segment.position - position, elapsedMs);
      if (segment.end === Infinity && !this.#isEnded) this.#options.onUnsizedEnd(segment.position);
    } catch (error) {
      failure = error;
    }
    segments.release(segment);
    this.#running.delete(abort);
    this.#receiving.delete(abort);
    const error = failure === undefined ? undefined : toMirrorError(failure);
    this.#giveBack(source, error);
    if (this.#isEnded) return;
    if (error !== undefined) this.#settle(source, error);
    this.schedule();
  }

  #giveBack({ upstream }: Source, error: MirrorError | undefined): void {
    const { slots } = this.#options;
    if (error === undefined) slots.served(upstream.name);
    // A caller's own limit is nobody else's.
    else if (error.kind === 'upstream-throttled' && upstream.account === undefined) {
      slots.throttled(upstream.name, error.retryAfterMs);
    }
    slots.release(upstream.name);
  }

  async #fetch(segment: Segment, source: Source, isPlain: boolean, abort: AbortController): Promise<void> {
    const options = this.#options;
    await fetchSegment(segment, {
      digest: options.digest,
      segments: options.segments,
      source,
      limits: options.limits,
      clock: options.clock,
      signal: abort.signal,
      isPlain,
      avoidLastUrl: options.avoidLastUrl && !this.#hasAnswered,
      onAnswer: (answering, stream) => {
        this.#hasAnswered = true;
        options.onAnswer(answering, stream);
        if (!isPlain) this.#takeWhole(answering, segment, stream);
      },
      write: (offset, bytes, keep) => options.write(offset, bytes, keep),
      onWritten: () => options.onWritten(),
      onReceived: (bytes) => {
        this.#watchReceiving(abort);
        this.#retry?.received(bytes, options.clock.monotonicMs());
        this.#ramp.received(bytes);
        this.#pace.received(bytes);
        options.onReceived(bytes);
      },
    });
  }

  #watchReceiving(connection: AbortController): void {
    if (this.#receiving.has(connection)) return;
    this.#receiving.add(connection);
    if (!this.#ramp.watch(this.#receiving.size)) return;
    this.#rampTimer?.stop();
    this.#rampTimer = undefined;
    this.#watchRate();
  }

  /** A Range request answered with the whole: this source has no ranges, so this one answer must bring everything. */
  #takeWhole(source: Source, segment: Segment, stream: BlobStream): void {
    const { segments } = this.#options;
    const isWhole = stream.start === 0 && (stream.end === undefined || stream.end > segment.end);
    if (!isWhole && stream.start >= segment.position) return;
    source.hasRanges = false;
    if (!segments.extend(segment)) throw new NoRangesError();
  }

  #settle(source: Source, error: MirrorError): void {
    const { sources, clock } = this.#options;
    if (error.isFinal) {
      this.refuse(source, error);
      return;
    }
    sources.rotate(source);
    if (error instanceof NoRangesError) return;
    const delayMs = this.#retry?.failed(clock.monotonicMs(), this.#hasAnswered);
    if (delayMs === undefined || (!this.#hasAnswered && error.kind === 'upstream-throttled')) {
      this.#giveUp(error);
      return;
    }
    this.#pause(Math.max(delayMs, Math.min(error.retryAfterMs ?? 0, this.#options.limits.resumeForMs / 4)));
  }

  #giveUp(error: MirrorError): void {
    this.end();
    this.#options.onGivenUp(error);
  }

  #pause(delayMs: number): void {
    this.#pauseTimer?.stop();
    this.#pauseTimer = this.#options.clock.startTimer(delayMs, () => {
      this.#pauseTimer = undefined;
      this.schedule();
    });
  }

  #waitForSlot(source: Source): void {
    if (this.#running.size > 0 || this.#leaveQueue !== undefined) return;
    this.#leaveQueue = this.#options.slots.whenFree(source.upstream.name, () => {
      this.#leaveQueue = undefined;
      this.schedule();
    });
  }

  /** Every window: what a connection moves, and whether one more pays. Runs only while connections do. */
  #watchRate(): void {
    if (this.#rampTimer !== undefined) return;
    const { clock } = this.#options;
    this.#rampMs = clock.monotonicMs();
    this.#pace.beginWindow();
    this.#rampTimer = clock.startTimer(rampWindowMs, () => {
      this.#rampTimer = undefined;
      const elapsedMs = clock.monotonicMs() - this.#rampMs;
      if (this.#running.size === 0) return;
      this.#pace.endWindow(elapsedMs, this.#running.size);
      this.#ramp.endWindow(elapsedMs, this.#running.size);
      this.#watchRate();
      this.schedule();
    });
  }
}

/** A source without ranges while other segments run: it gets its turn alone. */
class NoRangesError extends MirrorError {
  constructor() {
    super({ kind: 'upstream-failed', message: 'upstream answered a range with the whole' });
  }
}

/** Whatever broke a transfer, in the mirror's own words. */
export function toMirrorError(error: unknown): MirrorError {
  if (error instanceof MirrorError) return error;
  return new MirrorError({ kind: 'upstream-failed', message: 'the transfer from upstream broke', cause: error });
}
