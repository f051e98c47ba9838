import { createHash } from 'node:crypto';
import { computeDigest, digestAlgorithm, digestHex, type Digest } from '../../../../src/oci/digest.ts';
import type { Span } from '../../../../src/oci/span.ts';
import type {
  ContentReader,
  ContentStore,
  FoundObject,
  Leftover,
  ObjectName,
  PartialContent,
  StoredObject,
  StreamHash,
} from '../../../../src/store/content-store.ts';

interface Parked {
  readonly bytes: Buffer;
  readonly spans: readonly Span[];
  readonly sizeBytes: number | undefined;
}

type FailingOperation =
  'open' | 'watch' | 'read' | 'verify' | 'put' | 'promote' | 'remove' | 'begin' | 'write' | 'commit';

/** A store in memory whose disk can be made to fail. */
export class MemoryContentStore implements ContentStore {
  readonly objects = new Map<Digest, { object: StoredObject; bytes: Buffer }>();
  readonly parked = new Map<Digest, Parked>();
  readonly removed: StoredObject[] = [];
  readonly openFiles = new Set<object>();
  readonly trusted = new Set<Digest>();
  readonly quarantined: StoredObject[] = [];
  onDamaged = async (_object: StoredObject): Promise<void> => await Promise.resolve();
  /** A pass over the bytes of an object does not end before this. */
  verifying: Promise<void> = Promise.resolve();
  /** Thrown by the operation of this name, until it is taken back. */
  failing = new Map<FailingOperation, Error>();

  async open(object: StoredObject): Promise<ContentReader | undefined> {
    await Promise.resolve();
    this.fail('open');
    const found = this.objects.get(object.digest);
    if (found === undefined || found.bytes.length !== object.sizeBytes) return undefined;
    // As on the disk: what was restricted when the caller looked may have been promoted since.
    if (object.provenance === 'public' && found.object.provenance === 'restricted') return undefined;
    const { bytes } = found;
    const reader: ContentReader = {
      sizeBytes: bytes.length,
      read: async (position, into) => {
        await Promise.resolve();
        this.fail('read');
        return bytes.copy(into, 0, position);
      },
      isTrusted: this.trusted.has(object.digest),
      verify: async () => {
        await this.verifying;
        this.fail('verify');
        const isRight = computeDigest(digestAlgorithm(object.digest), bytes) === object.digest;
        if (isRight) this.trusted.add(object.digest);
        else await this.onDamaged(object);
        return isRight;
      },
      close: () => void this.openFiles.delete(reader),
    };
    this.openFiles.add(reader);
    return reader;
  }

  readonly #watches = new Map<Digest, Set<() => void>>();

  async watch({ digest }: StoredObject, onChanged: () => void): Promise<(() => void) | undefined> {
    await Promise.resolve();
    this.fail('watch');
    if (!this.objects.has(digest)) return undefined;
    const watches = this.#watches.get(digest) ?? new Set();
    this.#watches.set(digest, watches.add(onChanged));
    return () => {
      watches.delete(onChanged);
      if (watches.size === 0 && this.#watches.get(digest) === watches) this.#watches.delete(digest);
    };
  }

  /** What the kernel tells when somebody touches the object's file. */
  touch(digest: Digest): void {
    const watches = this.#watches.get(digest) ?? new Set();
    this.#watches.delete(digest);
    for (const onChanged of watches) onChanged();
  }

  get watched(): number {
    return this.#watches.size;
  }

  async put(object: StoredObject, bytes: Uint8Array): Promise<void> {
    await Promise.resolve();
    this.fail('put');
    this.objects.set(object.digest, { object, bytes: Buffer.from(bytes) });
  }

  async begin(digest: Digest): Promise<PartialContent> {
    this.fail('begin');
    const parked = this.parked.get(digest);
    this.parked.delete(digest);
    const partial = new MemoryPartial(this, digest, parked);
    this.openFiles.add(partial);
    await Promise.resolve();
    return partial;
  }

  async promote(object: StoredObject): Promise<void> {
    this.fail('promote');
    const found = this.objects.get(object.digest);
    if (found !== undefined) found.object = { ...found.object, provenance: 'public' };
    await Promise.resolve();
  }

  async remove(object: StoredObject): Promise<void> {
    await Promise.resolve();
    this.fail('remove');
    this.removed.push(object);
    if (this.objects.get(object.digest)?.object.provenance === object.provenance) this.objects.delete(object.digest);
  }

  async quarantine(object: StoredObject): Promise<void> {
    await this.remove(object);
    this.quarantined.push(object);
  }

  async list(prefix: string): Promise<readonly ObjectName[]> {
    const all = [...this.objects.values()].map(({ object }) => object);
    return await Promise.resolve(all.filter(({ digest }) => digest.startsWith(prefix)));
  }

  async find({ digest, provenance }: ObjectName): Promise<FoundObject | undefined> {
    const object = this.objects.get(digest)?.object;
    return await Promise.resolve(object?.provenance === provenance ? { ...object, changedMs: 0 } : undefined);
  }

  async listLeftovers(): Promise<readonly []> {
    return await Promise.resolve([]);
  }

  async removeLeftover({ digest }: Leftover): Promise<boolean> {
    return await Promise.resolve(this.parked.delete(digest));
  }

  lingeringBytes(): number {
    return 0;
  }

  fail(operation: FailingOperation): void {
    const error = this.failing.get(operation);
    if (error !== undefined) throw error;
  }
}

class MemoryPartial implements PartialContent {
  readonly digest: Digest;
  readonly recovered: { readonly spans: readonly Span[]; readonly sizeBytes: number | undefined };
  readonly #store: MemoryContentStore;
  #bytes: Buffer;
  #journal: Pick<Parked, 'spans' | 'sizeBytes'>;

  constructor(store: MemoryContentStore, digest: Digest, parked: Parked | undefined) {
    this.#store = store;
    this.digest = digest;
    this.#bytes = parked?.bytes ?? Buffer.alloc(0);
    this.recovered = { spans: parked?.spans ?? [], sizeBytes: parked?.sizeBytes };
    this.#journal = this.recovered;
  }

  async write(offset: number, bytes: Uint8Array): Promise<void> {
    await Promise.resolve();
    this.#store.fail('write');
    const end = offset + bytes.length;
    if (end > this.#bytes.length) this.#bytes = Buffer.concat([this.#bytes, Buffer.alloc(end - this.#bytes.length)]);
    this.#bytes.set(bytes, offset);
  }

  async read(position: number, into: Uint8Array): Promise<number> {
    return await Promise.resolve(this.#bytes.copy(into, 0, position));
  }

  async saveJournal(state: Pick<Parked, 'spans' | 'sizeBytes'>): Promise<void> {
    this.#journal = state;
    await Promise.resolve();
  }

  advanceHash(): void {}

  async verify(sizeBytes: number): Promise<boolean> {
    const bytes = this.#bytes.subarray(0, sizeBytes);
    await Promise.resolve();
    return bytes.length === sizeBytes && computeDigest(digestAlgorithm(this.digest), bytes) === this.digest;
  }

  async forkHash(end: number): Promise<StreamHash> {
    const hash = createHash(digestAlgorithm(this.digest)).update(this.#bytes.subarray(0, end));
    await Promise.resolve();
    return {
      async update(bytes) {
        hash.update(bytes);
        await Promise.resolve();
      },
      matches: async (digest) => await Promise.resolve(hash.digest('hex') === digestHex(digest)),
      close() {},
    };
  }

  async commit(object: StoredObject): Promise<void> {
    await Promise.resolve();
    this.#store.fail('commit');
    this.#store.objects.set(object.digest, { object, bytes: this.#bytes });
  }

  async abort(): Promise<void> {
    await Promise.resolve();
  }

  async park(): Promise<void> {
    this.#store.parked.set(this.digest, { bytes: this.#bytes, ...this.#journal });
    await Promise.resolve();
  }

  async close(): Promise<void> {
    if (!this.#store.openFiles.delete(this)) throw new Error('closed twice');
    await Promise.resolve();
  }
}
