import type { Span } from '../oci/span.ts';
import { MirrorError } from '../oci/errors.ts';
import type { ContentReader, StoredObject } from '../store/content-store.ts';
import { createBytesReader } from './bytes-reader.ts';
import { chunkOf, type BufferPool } from './fill/buffer-pool.ts';
import { tailBytes } from './fill/fill-limits.ts';
import type { BodyChunk, BodyReader, ServedBlob } from './pull.ts';

export interface StoredBlobOptions {
  readonly buffers: BufferPool;
  /** The disk refuses, or has less than it had: nobody else should be sent here. */
  onUnreadable(error: unknown): void;
}

/** A blob that is in the store. Takes over `reader` and closes it. */
export function serveStored(object: StoredObject, reader: ContentReader, options: StoredBlobOptions): ServedBlob {
  const trust = new BlobTrust(reader, (error) => options.onUnreadable(error));
  let bodies = 0;
  let isClosed = false;
  const closeWhenUnused = (): void => {
    if (isClosed && bodies === 0) reader.close();
  };
  return {
    outcome: 'hit',
    provenance: object.provenance,
    digest: object.digest,
    sizeBytes: object.sizeBytes,
    openBody(span = { start: 0, end: object.sizeBytes }) {
      bodies++;
      return new StoredBody({ reader, span, trust, ...options }, () => {
        bodies--;
        closeWhenUnused();
      });
    },
    close() {
      if (isClosed) return;
      isClosed = true;
      closeWhenUnused();
    },
  };
}

/** A blob whose bytes are in memory. */
export function serveBytes({ digest, provenance, sizeBytes }: StoredObject, bytes: Uint8Array): ServedBlob {
  return {
    outcome: 'hit',
    provenance,
    digest,
    sizeBytes,
    openBody: ({ start, end } = { start: 0, end: sizeBytes }) => createBytesReader(bytes.subarray(start, end)),
    close() {},
  };
}

/** Whether what is on the disk is still what its name says: found out beside the first read since the start. */
class BlobTrust {
  readonly sizeBytes: number;
  readonly #whenKnown: Promise<void> | undefined;
  #state: 'unknown' | 'right' | 'damaged';

  constructor(reader: ContentReader, onUnreadable: (error: unknown) => void) {
    this.sizeBytes = reader.sizeBytes;
    this.#state = reader.isTrusted ? 'right' : 'unknown';
    if (this.#state === 'right') return;
    // A disk that cannot be read to the end is no better than one that has other bytes.
    this.#whenKnown = reader.verify().then(
      (isRight) => void (this.#state = isRight ? 'right' : 'damaged'),
      (error: unknown) => {
        this.#state = 'damaged';
        onUnreadable(error);
      },
    );
  }

  /** How far a body may be given out now: all of it, but for the tail of a whole one while nobody knows. */
  end(span: Span): number {
    this.#requireRight();
    const isWhole = span.start === 0 && span.end === this.sizeBytes;
    return isWhole && this.#state === 'unknown' ? span.end - tailBytes : span.end;
  }

  async whenKnown(): Promise<void> {
    await this.#whenKnown;
    this.#requireRight();
  }

  /** @throws MirrorError `content-mismatch` */
  #requireRight(): void {
    if (this.#state === 'damaged') {
      throw new MirrorError({ kind: 'content-mismatch', message: 'the stored content is damaged' });
    }
  }
}

interface StoredBodyOptions extends StoredBlobOptions {
  readonly reader: ContentReader;
  readonly span: Span;
  readonly trust: BlobTrust;
}

class StoredBody implements BodyReader {
  readonly #options: StoredBodyOptions;
  readonly #onClosed: () => void;
  #position: number;
  readonly #closing = Promise.withResolvers<void>();
  #isClosed = false;
  #isReading = false;

  constructor(options: StoredBodyOptions, onClosed: () => void) {
    this.#options = options;
    this.#position = options.span.start;
    this.#onClosed = onClosed;
  }

  async read(): Promise<BodyChunk | undefined> {
    const { span, trust } = this.#options;
    if (this.#isClosed || this.#position >= span.end) return undefined;
    this.#isReading = true;
    try {
      if (this.#position >= trust.end(span)) await Promise.race([trust.whenKnown(), this.#closing.promise]);
      if (this.#isClosed) return undefined;
      return await this.#readChunk(trust.end(span));
    } finally {
      this.#isReading = false;
      if (this.#isClosed) this.#onClosed();
    }
  }

  async #readChunk(end: number): Promise<BodyChunk | undefined> {
    const buffer = await this.#options.buffers.take();
    let length = 0;
    try {
      const wanted = Math.min(buffer.bytes.length, end - this.#position);
      if (!this.#isClosed) length = await this.#options.reader.read(this.#position, buffer.bytes.subarray(0, wanted));
      if (length === 0 && !this.#isClosed) throw new Error('the stored content ends too early');
      // Damage may have been found out while these bytes were read.
      this.#options.trust.end(this.#options.span);
    } catch (error) {
      if (isTimeout(error)) buffer.forfeit();
      else buffer.release();
      throw this.#toMirrorError(error);
    }
    if (this.#isClosed) {
      buffer.release();
      return undefined;
    }
    this.#position += length;
    return chunkOf(buffer, length);
  }

  #toMirrorError(error: unknown): MirrorError {
    if (error instanceof MirrorError) return error;
    this.#options.onUnreadable(error);
    return new MirrorError({ kind: 'content-mismatch', message: 'the stored content cannot be read', cause: error });
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#closing.resolve();
    if (!this.#isReading) this.#onClosed();
  }
}

/** The disk hangs: it may fill the buffer when nobody waits any more. */
function isTimeout(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ETIMEDOUT';
}
