import type { BodyChunk } from '../pull.ts';

/** What a client gets at a time; the pool's large buffers hold one. */
export const chunkBytes = 512 * 1024;
const smallBytes = 16 * 1024;

/** A buffer lent by the pool; `release` gives it back, once. */
export interface LentBuffer {
  readonly bytes: Buffer;
  release(): void;
  /** In place of `release`: something may still write into it, so nobody gets it again. */
  forfeit(): void;
}

/**
 * The buffers in which bodies travel from file to socket: reused, and bounded together, so that memory
 * does not grow with the number of readers. While half of the pool is out, readers get small ones;
 * when all of it is out, they wait in line.
 */
export class BufferPool {
  readonly #maxBytes: number;
  readonly #free = new Map<number, Buffer[]>([
    [chunkBytes, []],
    [smallBytes, []],
  ]);
  readonly #queue: ((buffer: LentBuffer) => void)[] = [];
  #lentBytes = 0;
  #ownedBytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get lentBytes(): number {
    return this.#lentBytes;
  }

  async take(): Promise<LentBuffer> {
    return this.#tryTake() ?? (await new Promise<LentBuffer>((resolve) => this.#queue.push(resolve)));
  }

  #tryTake(): LentBuffer | undefined {
    const size = this.#lentBytes + chunkBytes <= this.#maxBytes / 2 ? chunkBytes : smallBytes;
    if (this.#lentBytes + size > this.#maxBytes) return undefined;
    this.#lentBytes += size;
    const bytes = this.#free.get(size)?.pop() ?? this.#allocate(size);
    let isOut = true;
    const end = (isReusable: boolean): void => {
      if (!isOut) return;
      isOut = false;
      this.#giveBack(bytes, isReusable);
    };
    return { bytes, release: () => end(true), forfeit: () => end(false) };
  }

  /** Buffers of the other size that nobody uses make room for it. */
  #allocate(size: number): Buffer {
    for (const free of this.#free.values()) {
      while (this.#ownedBytes + size > this.#maxBytes) {
        const dropped = free.pop();
        if (dropped === undefined) break;
        this.#ownedBytes -= dropped.length;
      }
    }
    this.#ownedBytes += size;
    return Buffer.allocUnsafeSlow(size);
  }

  #giveBack(bytes: Buffer, isReusable: boolean): void {
    this.#lentBytes -= bytes.length;
    if (isReusable) this.#free.get(bytes.length)?.push(bytes);
    else this.#ownedBytes -= bytes.length;
    while (this.#queue.length > 0) {
      const buffer = this.#tryTake();
      if (buffer === undefined) return;
      this.#queue.shift()?.(buffer);
    }
  }
}

/** The first `length` bytes of a lent buffer, as a chunk of a body. */
export function chunkOf(buffer: LentBuffer, length: number): BodyChunk {
  return { bytes: buffer.bytes.subarray(0, length), release: buffer.release };
}
