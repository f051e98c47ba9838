import { createHash } from 'node:crypto';
import { digestAlgorithm, digestHex, type Digest } from '../../oci/digest.ts';
import { isMirrorError, MirrorError } from '../../oci/errors.ts';
import type { StreamHash } from '../../store/content-store.ts';
import type { Clock } from '../../telemetry/clock.ts';
import type { BlobStream } from '../../upstream/upstream.ts';
import type { FillFile } from './fill-file.ts';
import { tailBytes, type FillLimits } from './fill-limits.ts';
import type { BodyChunk } from '../pull.ts';
import { Retry } from './retry.ts';
import type { Source } from './sources.ts';
import { Watchdog } from './watchdog.ts';

/** Streams around the store at one time; later pulls are told to come back. */
const maxBypasses = 16;

export interface BypassOptions {
  readonly digest: Digest;
  readonly source: Source;
  /** The next byte the reader needs; Infinity as `end` means up to upstream's end. */
  readonly position: number;
  readonly end: number;
  /** Where the bytes before `position` can be read back, for the hash. */
  readonly file: FillFile | undefined;
  readonly isWholeBody: boolean;
  readonly signal: AbortSignal;
}

/** One reader's own stream from upstream; `read` and `close` as of a `BodyReader`. */
export interface BypassStream {
  read(): Promise<BodyChunk | undefined>;
  close(): void;
}

/** Streams for readers whose blob the store cannot hold: the pull does not fail because the disk does. */
export class Bypasses {
  readonly #findLimits: () => FillLimits;
  readonly #clock: Clock;
  #count = 0;

  constructor(findLimits: () => FillLimits, clock: Clock) {
    this.#findLimits = findLimits;
    this.#clock = clock;
  }

  get count(): number {
    return this.#count;
  }

  /** @throws MirrorError `overloaded` when 16 run already */
  async open(options: BypassOptions): Promise<BypassStream> {
    if (this.#count >= maxBypasses) {
      const message = 'the store cannot keep this blob and too many pulls go around it already';
      throw new MirrorError({ kind: 'overloaded', message, retryAfterMs: 5000 });
    }
    this.#count++;
    try {
      const hash = options.isWholeBody ? await startHash(options) : undefined;
      const stream = new ResumedStream(options, this.#findLimits(), this.#clock);
      return new HeldTail(stream, options, hash, () => this.#count--);
    } catch (error) {
      this.#count--;
      throw error;
    }
  }
}

async function startHash({ digest, file, position }: BypassOptions): Promise<StreamHash> {
  if (file !== undefined && position > 0) return await file.forkHash(position);
  const hash = createHash(digestAlgorithm(digest));
  return {
    async update(bytes) {
      hash.update(bytes);
      await Promise.resolve();
    },
    async matches(expected) {
      return await Promise.resolve(hash.digest('hex') === digestHex(expected));
    },
    close() {},
  };
}

/** Bytes from `position` on, asked again from where they stopped when the connection breaks. */
class ResumedStream {
  readonly #options: BypassOptions;
  readonly #limits: FillLimits;
  readonly #clock: Clock;
  readonly #retry: Retry;
  #position: number;

  constructor(options: BypassOptions, limits: FillLimits, clock: Clock) {
    this.#options = options;
    this.#limits = limits;
    this.#clock = clock;
    this.#position = options.position;
    this.#retry = new Retry(limits.resumeForMs, clock.monotonicMs());
  }

  async *bytes(): AsyncGenerator<Uint8Array, void, undefined> {
    let hasAnswered = this.#position > 0;
    while (this.#position < this.#options.end) {
      try {
        const stream = await this.#open();
        hasAnswered = true;
        yield* this.#copy(stream);
        if (this.#options.end === Infinity) return;
        if (this.#position < this.#options.end) throw new Error('upstream closed the connection before the end');
      } catch (error) {
        this.#options.signal.throwIfAborted();
        await this.#waitOrThrow(error, hasAnswered);
      }
    }
  }

  async #open(): Promise<BlobStream> {
    const { source, digest, end, signal } = this.#options;
    const isFromStart = this.#position === 0 && end === Infinity;
    const span = isFromStart ? {} : { span: { start: this.#position, end } };
    return await source.upstream.openBlob(source.repository, digest, { ...span, signal });
  }

  async *#copy(stream: BlobStream): AsyncGenerator<Uint8Array, void, undefined> {
    const watchdog = new Watchdog({
      clock: this.#clock,
      idleMs: this.#limits.idleTimeoutMs,
      minBytesPerSecond: this.#limits.minBytesPerSecond,
      onStall: () => stream.destroy(),
    });
    let offset = stream.start;
    try {
      for await (const chunk of stream.body) {
        watchdog.received(chunk.length);
        this.#retry.received(chunk.length, this.#clock.monotonicMs());
        const bytes = chunk.subarray(Math.max(0, this.#position - offset), Math.max(0, this.#options.end - offset));
        offset += chunk.length;
        if (bytes.length === 0) continue;
        this.#position += bytes.length;
        // The client's pace is not upstream's fault.
        watchdog.pause();
        yield bytes;
        watchdog.resume();
        if (this.#position >= this.#options.end) return;
      }
    } finally {
      watchdog.stop();
      stream.destroy();
    }
  }

  async #waitOrThrow(error: unknown, hasAnswered: boolean): Promise<void> {
    if (isMirrorError(error) && error.isFinal) throw error;
    const delayMs = this.#retry.failed(this.#clock.monotonicMs(), hasAnswered);
    if (delayMs === undefined) throw error;
    await new Promise<void>((resolve) => this.#clock.startTimer(delayMs, resolve));
  }
}

/** Gives the bytes on, the last 64 KiB of a whole body only when all of it is right. */
class HeldTail implements BypassStream {
  readonly #bytes: AsyncGenerator<Uint8Array, void, undefined>;
  readonly #digest: Digest;
  readonly #hash: StreamHash | undefined;
  readonly #onClosed: () => void;
  #held: Uint8Array[] = [];
  #heldBytes = 0;
  #isOver = false;
  #isClosed = false;

  constructor(stream: ResumedStream, options: BypassOptions, hash: StreamHash | undefined, onClosed: () => void) {
    this.#bytes = stream.bytes();
    this.#digest = options.digest;
    this.#hash = hash;
    this.#onClosed = onClosed;
  }

  async read(): Promise<BodyChunk | undefined> {
    while (!this.#isOver) {
      const next = await this.#bytes.next();
      if (next.done === true) {
        await this.#check();
        this.#isOver = true;
        break;
      }
      await this.#hash?.update(next.value);
      // The buffer is upstream's own only until the next one is read.
      this.#held.push(Buffer.from(next.value));
      this.#heldBytes += next.value.length;
      const first = this.#held[0];
      const keep = this.#hash === undefined ? 0 : tailBytes;
      if (first !== undefined && this.#heldBytes - first.length >= keep) return this.#give();
    }
    return this.#give();
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#hash?.close();
    void this.#bytes.return().catch(() => undefined);
    this.#onClosed();
  }

  #give(): BodyChunk | undefined {
    const bytes = this.#held.shift();
    if (bytes === undefined) return undefined;
    this.#heldBytes -= bytes.length;
    return { bytes, release() {} };
  }

  async #check(): Promise<void> {
    if (this.#hash === undefined || (await this.#hash.matches(this.#digest))) return;
    const message = 'upstream sent other content than the digest names';
    throw new MirrorError({ kind: 'content-mismatch', message });
  }
}
