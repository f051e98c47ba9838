import type { Socket } from 'node:net';

/** Large: from an upstream that is near, a whole one comes in a single read, at a fraction of the cost of sixteen. */
const largeBytes = 1024 * 1024;
/** Once so many large ones exist, there are small ones for whoever comes: many connections are none of them fast. */
const maxLarge = 24;
const smallBytes = 128 * 1024;
const maxSpare = 16;
/** With less room than this a connection gets a new one. */
const leastRoomBytes = 64 * 1024;
/** As little as an answer's head: copied, since who holds a head never gives its memory back. */
const copiedBytes = 4096;

/**
 * Memory that is filled with pieces from its start on, each of which lies right behind the one before. It is used again
 * when all of them have been given back; what nobody gives back is left to the collector.
 */
class ReceiveMemory {
  readonly bytes: Buffer<ArrayBuffer>;
  #filled = 0;
  /** Where pieces end that somebody may still use. */
  readonly #ends = new Set<number>();
  #isSealed = false;
  #keepers = 0;

  constructor(sizeBytes: number) {
    // From the heap of C, not of a pool that others have their share of.
    this.bytes = Buffer.allocUnsafeSlow(sizeBytes);
  }

  get room(): Buffer<ArrayBuffer> {
    return this.bytes.subarray(this.#filled);
  }

  /** The first bytes of the room have been written: they are a piece now. */
  advance(length: number): Buffer<ArrayBuffer> {
    const start = this.#filled;
    this.#filled += length;
    this.#ends.add(this.#filled);
    return this.bytes.subarray(start, this.#filled);
  }

  /** Nothing is written into it any more. */
  seal(): void {
    this.#isSealed = true;
    this.#useAgain();
  }

  /** What lies before the first of them in its piece goes too: it was the head of an answer, which has been read. */
  giveBack(start: number, end: number): void {
    for (const one of this.#ends) if (start < one && one <= end) this.#ends.delete(one);
    this.#useAgain();
  }

  /** Its bytes stay what they are until this is undone, whoever gives them back. */
  keep(): void {
    this.#keepers += 1;
  }

  unkeep(): void {
    this.#keepers -= 1;
    this.#useAgain();
  }

  #useAgain(): void {
    if (!this.#isSealed || this.#ends.size > 0 || this.#keepers > 0) return;
    this.#isSealed = false;
    this.#filled = 0;
    if (this.bytes.length === largeBytes && spare.length < maxSpare) spare.push(this);
  }
}

const spare: ReceiveMemory[] = [];
const byBuffer = new WeakMap<ArrayBufferLike, ReceiveMemory>();
let largeCount = 0;
const collected = new FinalizationRegistry<undefined>(() => {
  largeCount -= 1;
});

function takeMemory(): ReceiveMemory {
  const used = spare.pop();
  if (used !== undefined) return used;
  const isLarge = largeCount < maxLarge;
  const memory = new ReceiveMemory(isLarge ? largeBytes : smallBytes);
  byBuffer.set(memory.bytes.buffer, memory);
  if (isLarge) {
    largeCount += 1;
    collected.register(memory, undefined);
  }
  return memory;
}

/** Whether a connection has read these bytes into such memory, or a collector has put them there. */
export function isInReceiveMemory({ buffer }: Uint8Array): boolean {
  return byBuffer.has(buffer);
}

/** Gives back bytes that lie in such memory, once, when nobody uses them any more. Harmless for any others. */
export function giveMemoryBack({ buffer, byteOffset, byteLength }: Uint8Array): void {
  byBuffer.get(buffer)?.giveBack(byteOffset, byteOffset + byteLength);
}

/** So many may be kept at a time, a third of what there is of large memory: the others are for what comes. */
const maxKept = 8;
/** For less, as slow upstreams bring at a time, memory would be kept that is mostly empty. */
const leastKeptBytes = 256 * 1024;
let keptCount = 0;

/**
 * Keeps large bytes in such memory as they are, also when they are given back, until the result is called, once.
 * Undefined when that cannot be, or so much is kept already.
 */
export function keepMemory({ buffer, byteLength }: Uint8Array): (() => void) | undefined {
  const memory = byBuffer.get(buffer);
  if (memory === undefined || byteLength < leastKeptBytes || keptCount >= maxKept) return undefined;
  keptCount += 1;
  memory.keep();
  return () => {
    keptCount -= 1;
    memory.unkeep();
  };
}

/** What each connection fills, from its first large read on. */
const filledBy = new WeakMap<Socket, ReceiveMemory>();
/** Where connections read that have brought little so far, all of them: what comes is copied before the next one reads. */
const scratch = Buffer.allocUnsafeSlow(16 * 1024);
let nextRoom: Buffer<ArrayBuffer> = scratch;

/** For connections that bring bodies: net reads into this memory, piece after piece, in place of 64 KiB of its own. */
export const intoReceiveMemory = {
  /** So much waits for a body's reader before the connection is held back. */
  highWaterMark: largeBytes,
  onread: {
    /** Asked when a socket is made, and right after each return of `callback`. */
    buffer(): Buffer<ArrayBuffer> {
      const room = nextRoom;
      nextRoom = scratch;
      return room;
    },
    callback(this: Socket, length: number, room: Buffer<ArrayBuffer>): boolean {
      if (length <= copiedBytes) {
        const isWanted = this.push(Buffer.from(room.subarray(0, length)));
        nextRoom = room;
        return isWanted;
      }
      let memory = filledBy.get(this);
      if (memory === undefined) {
        memory = takeMemory();
        memory.room.set(room.subarray(0, length));
        this.once('close', () => filledBy.get(this)?.seal());
      }
      const piece = memory.advance(length);
      if (memory.room.length < leastRoomBytes) {
        memory.seal();
        memory = takeMemory();
      }
      filledBy.set(this, memory);
      // Whoever makes a socket in here gets no room of this one.
      const isWanted = this.push(piece);
      nextRoom = memory.room;
      return isWanted;
    },
  },
};

/** Copies pieces into such memory, so that they lie one behind the other. */
export class PieceCollector {
  #memory: ReceiveMemory | undefined;

  /** One that is larger than that comes back as it is. */
  copy(piece: Uint8Array): Uint8Array {
    if (piece.length > largeBytes) return piece;
    if (this.#memory !== undefined && this.#memory.room.length < piece.length) this.end();
    const memory = (this.#memory ??= takeMemory());
    if (memory.room.length < piece.length) return piece;
    memory.room.set(piece);
    return memory.advance(piece.length);
  }

  end(): void {
    this.#memory?.seal();
    this.#memory = undefined;
  }
}
