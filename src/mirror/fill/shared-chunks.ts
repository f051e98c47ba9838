import type { BodyChunk } from '../pull.ts';
import { chunkBytes, type BufferPool, type LentBuffer } from './buffer-pool.ts';

export interface ChunkRequest {
  readonly position: number;
  /** The first byte that this reader may not have. */
  readonly end: number;
  readonly buffers: BufferPool;
  /** Reads from `position` on; gives the number of bytes. */
  load(position: number, into: Uint8Array): Promise<number>;
}

/** Bytes of an object in a buffer that several readers write to their clients; the last of them gives it back. */
interface SharedChunk {
  readonly start: number;
  readonly end: number;
  readonly buffer: LentBuffer;
  users: number;
  onFree: () => void;
}

/**
 * One read for all who want the same bytes of one file at about the same time: the thousands of clients of one fill would
 * otherwise have a buffer each, or wait for one. What nobody holds any more is read again by whoever comes next.
 */
export class SharedChunks {
  readonly #loading = new Map<number, Promise<SharedChunk>>();

  /** At least one byte, unless `load` gives none: then undefined. Rejects as `load` does. */
  async read(request: ChunkRequest): Promise<BodyChunk | undefined> {
    const { position, end } = request;
    // Chunks end at multiples, so that readers who follow each other meet in the same ones.
    const index = Math.floor(position / chunkBytes);
    let running = this.#loading.get(index);
    while (running !== undefined) {
      const chunk = await running.catch(() => undefined);
      if (chunk !== undefined && chunk.users > 0 && chunk.start <= position && position < chunk.end) {
        return use(chunk, position, end);
      }
      // Another reader for whom it did not do may have begun a load since.
      const next = this.#loading.get(index);
      running = next === running ? undefined : next;
    }
    const loading = load(request, (index + 1) * chunkBytes);
    this.#loading.set(index, loading);
    const forget = (): void => {
      if (this.#loading.get(index) === loading) this.#loading.delete(index);
    };
    try {
      const chunk = await loading;
      chunk.onFree = forget;
      if (chunk.end > position) return use(chunk, position, end);
      chunk.buffer.release();
    } catch (error) {
      forget();
      throw error;
    }
    forget();
    return undefined;
  }
}

async function load({ position, end, buffers, load: read }: ChunkRequest, chunkEnd: number): Promise<SharedChunk> {
  const buffer = await buffers.take();
  try {
    const length = await read(position, buffer.bytes.subarray(0, Math.min(end, chunkEnd) - position));
    return { start: position, end: position + length, buffer, users: 0, onFree: () => {} };
  } catch (error) {
    buffer.release();
    throw error;
  }
}

function use(chunk: SharedChunk, position: number, end: number): BodyChunk {
  const { start, buffer } = chunk;
  chunk.users += 1;
  let isHeld = true;
  return {
    bytes: buffer.bytes.subarray(position - start, Math.min(end, chunk.end) - start),
    release() {
      if (!isHeld) return;
      isHeld = false;
      chunk.users -= 1;
      if (chunk.users > 0) return;
      chunk.onFree();
      buffer.release();
    },
  };
}
