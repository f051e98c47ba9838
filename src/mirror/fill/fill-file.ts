import { computeDigest, digestAlgorithm, type Digest } from '../../oci/digest.ts';
import type { Span } from '../../oci/span.ts';
import type { PartialContent, StoredObject, StreamHash } from '../../store/content-store.ts';
import { withRoom, type FillContext } from './fill-context.ts';
import { Journal } from './journal.ts';
import type { Segments } from './segments.ts';

/**
 * The file side of a fill: where bytes are written and read back, hashed, kept or thrown away. A small object waits in
 * memory until it is right, or to be kept for later: its readers do not wait for the disk.
 */
export class FillFile {
  readonly #partial: PartialContent;
  readonly #segments: Segments;
  readonly #journal: Journal;
  readonly #context: FillContext;
  #releaseSpace: (() => void) | undefined;
  #reservedBytes = 0;
  /** Room for all of a small object, until that is on file. */
  #memory: Uint8Array | undefined;

  private constructor(partial: PartialContent, segments: Segments, context: FillContext) {
    this.#partial = partial;
    this.#segments = segments;
    this.#journal = new Journal(partial, segments, context.clock);
    this.#context = context;
  }

  /** Opens or creates the file and books in `segments` what an earlier fill left. Rejects with what the disk said. */
  static async open(digest: Digest, segments: Segments, context: FillContext): Promise<FillFile> {
    const partial = await withRoom(context.space, 0, () => context.content.begin(digest));
    for (const span of partial.recovered.spans) segments.here.add(span);
    return new FillFile(partial, segments, context);
  }

  get recoveredSizeBytes(): number | undefined {
    return this.#partial.recovered.sizeBytes;
  }

  get recoveredSpans(): readonly Span[] {
    return this.#partial.recovered.spans;
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
    this.#memory = new Uint8Array(sizeBytes);
  }

  async write(offset: number, bytes: Uint8Array): Promise<void> {
    if (this.#memory === undefined) await this.#writeFile(offset, bytes);
    else this.#memory.set(bytes, offset);
  }

  async #writeFile(offset: number, bytes: Uint8Array): Promise<void> {
    await withRoom(this.#context.space, bytes.length, () => this.#partial.write(offset, bytes));
  }

  /** Bytes have been written: `prefixEnd` is the first one that is missing. */
  onWritten(prefixEnd: number): void {
    if (this.#memory !== undefined) return;
    this.#partial.advanceHash(prefixEnd);
    this.#journal.touch();
  }

  async read(position: number, into: Uint8Array): Promise<number> {
    if (this.#memory === undefined) return await this.#partial.read(position, into);
    const bytes = this.#memory.subarray(position, position + into.length);
    into.set(bytes);
    return bytes.length;
  }

  async verify(sizeBytes: number): Promise<boolean> {
    if (this.#memory === undefined) return await this.#partial.verify(sizeBytes);
    const { digest } = this.#partial;
    return computeDigest(digestAlgorithm(digest), this.#memory) === digest;
  }

  async forkHash(end: number): Promise<StreamHash> {
    await this.#flush();
    return await this.#partial.forkHash(end);
  }

  /** From here on the file has what was in memory. */
  async #flush(): Promise<void> {
    if (this.#memory === undefined) return;
    for (const { start, end } of this.#segments.here.spans) {
      await this.#writeFile(start, this.#memory.subarray(start, end));
    }
    this.#memory = undefined;
  }

  /** Makes content of it; false when the disk refused, then nothing is kept. */
  async commit(object: StoredObject): Promise<boolean> {
    try {
      await this.#journal.stop();
      await this.#flush();
      await this.#partial.commit(object);
      return true;
    } catch (error) {
      this.#context.onStoreError('commit', error);
      await this.#tryTo('abort', () => this.#partial.abort());
      return false;
    }
  }

  /** The booking ends; after a commit in the turn in which the catalog takes the object over. */
  unreserve(): void {
    this.#releaseSpace?.();
    this.#releaseSpace = undefined;
  }

  /** Keeps what is here for a later fill. */
  async keep(): Promise<void> {
    await this.#tryTo('journal', async () => {
      await this.#flush();
      await this.#journal.save();
    });
    await this.#tryTo('park', () => this.#partial.park());
    this.unreserve();
  }

  async discard(): Promise<void> {
    await this.#tryTo('journal', () => this.#journal.stop());
    await this.#tryTo('abort', () => this.#partial.abort());
    this.unreserve();
  }

  /** Once, when neither the fill nor a reader needs it. */
  close(): void {
    void this.#tryTo('close', () => this.#partial.close());
  }

  async #tryTo(operation: string, act: () => Promise<void>): Promise<void> {
    try {
      await act();
    } catch (error) {
      this.#context.onStoreError(operation, error);
    }
  }
}
