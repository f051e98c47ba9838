import type { BodyChunk } from '../pull.ts';

const leastBytes = 16 * 1024;
/** What nobody uses is kept up to here: forty layers of the usual small size take ten MiB. */
const maxSpareBytes = 12 * 1024 * 1024;

/** Room for all of one small object: its holder's until that one lets go, and a reader's until its chunk is released. */
export interface HeldBytes {
  readonly bytes: Uint8Array;
  /** From `start` up to `end`; the bytes stay what they are until the chunk is released. */
  lend(start: number, end: number): BodyChunk;
  /** The holder lets go, once. */
  release(): void;
}

/**
 * Counts memory that is used until the disk has taken what is in it, and uses it again: V8 collects all of its heap each
 * time that so much of such memory is new, which took a quarter of what a cold pull of small layers costs.
 */
export class HeldMemory {
  readonly #maxBytes: number;
  readonly #spare = new Map<number, Buffer<ArrayBuffer>[]>();
  #bytes = 0;
  #spareBytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Whether so many bytes more are within bounds; whoever knows of no other way may take them all the same. */
  fits(bytes: number): boolean {
    return this.#bytes + bytes <= this.#maxBytes;
  }

  /** Its bytes are anything at first. */
  take(sizeBytes: number): HeldBytes {
    const buffer = this.#takeBuffer(sizeBytes);
    const bytes = buffer.subarray(0, sizeBytes);
    this.#bytes += sizeBytes;
    let users = 1;
    const createRelease = (): (() => void) => {
      let isHeld = true;
      return () => {
        if (!isHeld) return;
        isHeld = false;
        users -= 1;
        if (users > 0) return;
        this.#bytes -= sizeBytes;
        this.#keep(buffer);
      };
    };
    return {
      bytes,
      lend(start, end) {
        users += 1;
        return { bytes: bytes.subarray(start, end), release: createRelease() };
      },
      release: createRelease(),
    };
  }

  /** In powers of two, so that few sizes serve all objects. */
  #takeBuffer(sizeBytes: number): Buffer<ArrayBuffer> {
    const capacity = Math.max(leastBytes, 2 ** Math.ceil(Math.log2(Math.max(1, sizeBytes))));
    const buffer = this.#spare.get(capacity)?.pop();
    if (buffer === undefined) return Buffer.allocUnsafeSlow(capacity);
    this.#spareBytes -= capacity;
    return buffer;
  }

  #keep(buffer: Buffer<ArrayBuffer>): void {
    if (this.#spareBytes + buffer.length > maxSpareBytes) return;
    this.#spareBytes += buffer.length;
    const spare = this.#spare.get(buffer.length);
    if (spare === undefined) this.#spare.set(buffer.length, [buffer]);
    else spare.push(buffer);
  }
}
