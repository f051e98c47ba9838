import type { Span } from '../oci/span.ts';
import { MirrorError } from '../oci/errors.ts';
import type { ContentReader, StoredObject } from '../store/content-store.ts';
import { chunkOf, type BufferPool } from './fill/buffer-pool.ts';
import type { BodyChunk, BodyReader, ServedBlob } from './pull.ts';

/** A blob that is in the store. Takes over `reader` and closes it. */
export function serveStored(object: StoredObject, reader: ContentReader, buffers: BufferPool): ServedBlob {
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
      return new StoredBody(reader, span, buffers, () => {
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

class StoredBody implements BodyReader {
  readonly #reader: ContentReader;
  readonly #buffers: BufferPool;
  readonly #end: number;
  readonly #onClosed: () => void;
  #position: number;
  #isClosed = false;
  #isReading = false;

  constructor(reader: ContentReader, span: Span, buffers: BufferPool, onClosed: () => void) {
    this.#reader = reader;
    this.#buffers = buffers;
    this.#position = span.start;
    this.#end = span.end;
    this.#onClosed = onClosed;
  }

  async read(): Promise<BodyChunk | undefined> {
    if (this.#isClosed || this.#position >= this.#end) return undefined;
    this.#isReading = true;
    const buffer = await this.#buffers.take();
    let length = 0;
    try {
      const wanted = Math.min(buffer.bytes.length, this.#end - this.#position);
      if (!this.#isClosed) length = await this.#reader.read(this.#position, buffer.bytes.subarray(0, wanted));
    } catch (error) {
      buffer.release();
      throw new MirrorError({ kind: 'content-mismatch', message: 'the stored content cannot be read', cause: error });
    } finally {
      this.#isReading = false;
      if (this.#isClosed) this.#onClosed();
    }
    if (this.#isClosed) {
      buffer.release();
      return undefined;
    }
    if (length === 0) {
      buffer.release();
      throw new MirrorError({ kind: 'content-mismatch', message: 'the stored content ends too early' });
    }
    this.#position += length;
    return chunkOf(buffer, length);
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (!this.#isReading) this.#onClosed();
  }
}
