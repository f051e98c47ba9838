import { computeDigest, digestAlgorithm, type Digest } from '../../oci/digest.ts';
import type { PartialContent, StoredObject, StreamHash } from '../../store/content-store.ts';
import type { BodyChunk } from '../pull.ts';
import { withRoom, type FillContext } from './fill-context.ts';
import { verifyFirstBytes } from './fill-limits.ts';
import type { HeldBytes } from './held-memory.ts';
import { Journal } from './journal.ts';
import type { Segments } from './segments.ts';

export interface FillFileOptions {
  readonly digest: Digest;
  readonly segments: Segments;
  readonly sizeHintBytes: number | undefined;
  readonly context: FillContext;
}

/** What is complete waits for a lull only where so many times its size fit beside all that is booked. */
const roomFactor = 4;

interface JournaledPartial {
  readonly partial: PartialContent;
  readonly journal: Journal;
}

/**
 * The file side of a fill: where bytes are written and read back, hashed, kept or thrown away. A small object waits in
 * memory until it is right, or to be kept for later: its readers do not wait for the disk.
 */
export class FillFile {
  readonly #digest: Digest;
  readonly #segments: Segments;
  readonly #context: FillContext;
  /** None for what is probably small: that needs no file before it is content. */
  #begun: JournaledPartial | undefined;
  #beginning: Promise<JournaledPartial> | undefined;
  #isOver = false;
  #recoveredSizeBytes: number | undefined;
  #releaseSpace: (() => void) | undefined;
  #reservedBytes = 0;
  /** Room for all of a small object, until that is on file. */
  #memory: HeldBytes | undefined;

  private constructor(digest: Digest, segments: Segments, context: FillContext) {
    this.#digest = digest;
    this.#segments = segments;
    this.#context = context;
  }

  /**
   * Opens or creates the file and books in `segments` what an earlier fill left; not for what is said to be small, of
   * which little can be left. Rejects with what the disk said.
   */
  static async open({ digest, segments, sizeHintBytes, context }: FillFileOptions): Promise<FillFile> {
    const file = new FillFile(digest, segments, context);
    const isSmall = sizeHintBytes !== undefined && sizeHintBytes <= verifyFirstBytes;
    if (isSmall && context.heldMemory.fits(sizeHintBytes)) return file;
    const { partial } = await file.#begin();
    file.#recoveredSizeBytes = partial.recovered.sizeBytes;
    for (const span of partial.recovered.spans) segments.here.add(span);
    return file;
  }

  async #begin(): Promise<JournaledPartial> {
    // Bytes may still come when all is over: a file that was begun for them would have nobody to end it.
    if (this.#isOver && this.#beginning === undefined) throw new Error('the fill has let go of its file');
    return await (this.#beginning ??= this.#beginNow());
  }

  async #beginNow(): Promise<JournaledPartial> {
    const { content, space, clock } = this.#context;
    const partial = await withRoom(space, 0, () => content.begin(this.#digest));
    this.#begun = { partial, journal: new Journal(partial, this.#segments, clock) };
    return this.#begun;
  }

  /** What there is of a file; from here on nobody begins one. */
  async #end(): Promise<JournaledPartial | undefined> {
    this.#isOver = true;
    await this.#beginning?.catch(() => undefined);
    return this.#begun;
  }

  get recoveredSizeBytes(): number | undefined {
    return this.#recoveredSizeBytes;
  }

  /** Bytes that are booked. */
  get reservedBytes(): number {
    return this.#reservedBytes;
  }

  /** Books so many bytes in all, until the file is kept or thrown away. */
  reserve(sizeBytes: number): void {
    this.#releaseSpace?.();
    this.#releaseSpace = this.#context.space.reserve(sizeBytes);
    this.#reservedBytes = sizeBytes;
  }

  /** All of it will come, and there is little of it. */
  holdInMemory(sizeBytes: number): void {
    this.#memory = this.#context.heldMemory.take(sizeBytes);
  }

  #letGoOfMemory(): void {
    this.#memory?.release();
    this.#memory = undefined;
  }

  async write(offset: number, bytes: Uint8Array): Promise<void> {
    if (this.#memory === undefined) await this.#writeFile(offset, bytes);
    else this.#memory.bytes.set(bytes, offset);
  }

  async #writeFile(offset: number, bytes: Uint8Array): Promise<void> {
    const { partial } = await this.#begin();
    await withRoom(this.#context.space, bytes.length, () => partial.write(offset, bytes));
  }

  /** Bytes have been written: `prefixEnd` is the first one that is missing. */
  onWritten(prefixEnd: number): void {
    if (this.#memory !== undefined) return;
    this.#begun?.partial.advanceHash(prefixEnd);
    this.#begun?.journal.touch();
  }

  /** Bytes from `position` on, at most up to `end`, where they are in memory: nobody may change them. */
  lend(position: number, end: number): BodyChunk | undefined {
    return this.#memory?.lend(position, end);
  }

  async read(position: number, into: Uint8Array): Promise<number> {
    if (this.#memory === undefined) return await (await this.#begin()).partial.read(position, into);
    const bytes = this.#memory.bytes.subarray(position, position + into.length);
    into.set(bytes);
    return bytes.length;
  }

  async verify(sizeBytes: number): Promise<boolean> {
    if (this.#memory === undefined) return await (await this.#begin()).partial.verify(sizeBytes);
    return computeDigest(digestAlgorithm(this.#digest), this.#memory.bytes) === this.#digest;
  }

  async forkHash(end: number): Promise<StreamHash> {
    await this.#flush();
    return await (await this.#begin()).partial.forkHash(end);
  }

  /** From here on the file has what was in memory. */
  async #flush(): Promise<void> {
    if (this.#memory === undefined) return;
    for (const { start, end } of this.#segments.here.spans) {
      await this.#writeFile(start, this.#memory.bytes.subarray(start, end));
    }
    this.#letGoOfMemory();
  }

  /** Makes content of it; false when the disk refused, then nothing is kept. */
  async commit(object: StoredObject): Promise<boolean> {
    try {
      const { lull, space } = this.#context;
      // What waits keeps its room booked, and a small cache would have none for what comes next.
      if (space.fits(roomFactor * object.sizeBytes)) await lull.wait(this.#memory?.bytes.length ?? 0);
      if (this.#begun === undefined && this.#memory !== undefined) await this.#put(object, this.#memory.bytes);
      else await this.#commitFile(object);
      return true;
    } catch (error) {
      this.#context.onStoreError('commit', error);
      await this.#abort();
      return false;
    }
  }

  async #put(object: StoredObject, bytes: Uint8Array): Promise<void> {
    const { content, space } = this.#context;
    await withRoom(space, bytes.length, () => content.put(object, bytes, { isAwaited: false }));
  }

  async #commitFile(object: StoredObject): Promise<void> {
    const { partial, journal } = await this.#begin();
    await journal.stop();
    await this.#flush();
    await partial.commit(object);
  }

  /** The booking ends; after a commit in the turn in which the catalog takes the object over. */
  unreserve(): void {
    this.#releaseSpace?.();
    this.#releaseSpace = undefined;
  }

  /** Keeps what is here for a later fill; of a small object only if there is a file already. */
  async keep(): Promise<void> {
    const end = await this.#end();
    await this.#tryTo('journal', async () => {
      if (end === undefined) return;
      await this.#flush();
      await end.journal.save();
    });
    await this.#tryTo('park', async () => await end?.partial.park());
    this.unreserve();
  }

  async discard(): Promise<void> {
    await this.#tryTo('journal', async () => await (await this.#end())?.journal.stop());
    await this.#abort();
    this.unreserve();
  }

  async #abort(): Promise<void> {
    await this.#tryTo('abort', async () => await (await this.#end())?.partial.abort());
  }

  /** Once, when neither the fill nor a reader needs it. */
  close(): void {
    this.#letGoOfMemory();
    void this.#tryTo('close', async () => await (await this.#end())?.partial.close());
  }

  async #tryTo(operation: string, act: () => Promise<void>): Promise<void> {
    try {
      await act();
    } catch (error) {
      this.#context.onStoreError(operation, error);
    }
  }
}
