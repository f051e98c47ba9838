import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { mkdtemp, rm, truncate, unlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Digest } from '../../../src/oci/digest.ts';
import type { ContentRecord } from '../../../src/store/catalog.ts';
import type { ContentReader, StoredObject } from '../../../src/store/content-store.ts';
import { openStore, type Store } from '../../../src/store/open-store.ts';
import { createStorePaths } from '../../../src/store/paths.ts';
import { FaultyFileSystem, faultyCalls } from './faulty-file-system.ts';
import { bytesOf, eventually, FakeClock, listNames, objectOf, storeOptions } from './fixtures.ts';

const manifestType = 'application/vnd.oci.image.manifest.v1+json';
const maxSizeBytes = 100_000;
const count = 12;
/** What there is to be pulled: sizes from nothing to more than half of the quota; the last three are manifests. */
const contents = Array.from({ length: count }, (_, i) => {
  const bytes = bytesOf(
    `content ${i}`,
    i >= 9 ? 1000 : ([0, 1, 4096, 10_000, 20_000, 30_000, 9000, 60_000, 120_000][i] ?? 0),
  );
  return { bytes, object: objectOf(bytes), isManifest: i >= 9 };
});

/** One thing that happens; `i` says to which content, `n` is free. */
type Step = { readonly what: (typeof kinds)[number]; readonly i: number; readonly n: number };
const kinds = [
  'pull',
  'pull',
  'pull',
  'abort',
  'park',
  'read',
  'leave',
  'use',
  'pin',
  'unpin',
  'purge',
  'cut',
  'lose',
  'full',
  'restart',
  'fault',
] as const;
const steps = fc.array(fc.record({ what: fc.constantFrom(...kinds), i: fc.nat(count - 1), n: fc.nat(1000) }), {
  minLength: 5,
  maxLength: 40,
});

describe('rows and files', () => {
  test('agree whatever is done, and the bounds hold', async () => {
    await fc.assert(
      fc.asyncProperty(steps, async (run) => {
        const model = await Model.start();
        try {
          for (const step of run) await model.take(step);
        } finally {
          await model.end();
        }
      }),
      { numRuns: 25, endOnFailure: true },
    );
  }, 120_000);
});

/** A store and what is known to be true of it. */
class Model {
  readonly #path: string;
  readonly #clock = new FakeClock();
  readonly #faulty = new FaultyFileSystem();
  readonly #readers: { readonly reader: ContentReader; readonly bytes: Uint8Array }[] = [];
  readonly #pins = new Set<Digest>();
  #store: Store;

  private constructor(path: string, store: Store) {
    this.#path = path;
    this.#store = store;
  }

  static async start(): Promise<Model> {
    const path = await mkdtemp(join(tmpdir(), 'stowage-model-'));
    const model = new Model(path, undefined as unknown as Store);
    await model.#open();
    return model;
  }

  async #open(): Promise<void> {
    const options = storeOptions(this.#path, { maxSizeBytes, clock: this.#clock, fs: this.#faulty.fs });
    this.#store = await openStore(options);
    await this.#store.whenRecovered;
  }

  async take(step: Step): Promise<void> {
    this.#clock.advance(1000);
    // Uses of the step before are written now, and what is asked for after that is true of them.
    await this.#store.catalog.setState('model', String(this.#clock.nowMs));
    const before = await this.#rows();
    await this.#act(step);
    await this.#settle();
    this.#faulty.clear();
    await this.#check(before, step);
    if (step.what === 'fault') this.#arm(step.n);
  }

  async end(): Promise<void> {
    for (const { reader } of this.#readers) reader.close();
    await this.#store.close();
    await rm(this.#path, { recursive: true, force: true });
  }

  async #act({ what, i, n }: Step): Promise<void> {
    const { object, bytes } = contents[i] ?? { object: objectOf(bytesOf('', 0)), bytes: bytesOf('', 0) };
    const { catalog, inventory, space } = this.#store;
    switch (what) {
      case 'pull':
        return await this.#pull(i);
      case 'abort':
      case 'park':
        return await this.#begin(object, bytes, what);
      case 'read':
        return await this.#read(object, bytes);
      case 'leave':
        return this.#readers.splice(n % Math.max(1, this.#readers.length), 1).forEach(({ reader }) => reader.close());
      case 'use':
        return catalog.touchContent(object.digest);
      case 'pin':
        this.#pins.add(object.digest);
        return await catalog.addPin({ type: 'digest', digest: object.digest });
      case 'unpin':
        this.#pins.delete(object.digest);
        return await catalog.removePin({ type: 'digest', digest: object.digest });
      case 'purge': {
        const record = catalog.findContent(object.digest);
        if (record !== undefined) await inventory.remove(record).catch(() => undefined);
        return;
      }
      case 'cut':
      case 'lose':
        return await this.#damage(object, what);
      case 'full':
        await space.makeRoom(n * 10, Object.assign(new Error('full'), { code: 'ENOSPC' }));
        return;
      case 'restart':
        for (const { reader } of this.#readers.splice(0)) reader.close();
        await this.#store.close();
        this.#faulty.clear();
        return await this.#open();
      case 'fault':
        return undefined;
    }
  }

  /** For the step after this one. */
  #arm(n: number): void {
    const call = faultyCalls[n % faultyCalls.length] ?? 'open';
    this.#faulty.failNext(call, n % 2 === 0 ? 'EIO' : 'ENOSPC', n % 3);
  }

  /** As a fill, or a manifest's fetch, does it. */
  async #pull(i: number): Promise<void> {
    const { content, catalog, space } = this.#store;
    const found = contents[i];
    if (found === undefined) return;
    const { object, bytes, isManifest } = found;
    if (catalog.findContent(object.digest) !== undefined) return catalog.touchContent(object.digest);
    if (!space.fits(object.sizeBytes)) return;
    const release = space.reserve(object.sizeBytes);
    try {
      if (isManifest) await content.put(object, bytes);
      else await this.#fill(object, bytes);
      void catalog.addContent(object, { mediaType: isManifest ? manifestType : undefined });
      const children = contents.slice(0, i % 3).map((child) => ({ ...child.object, mediaType: 'layer' }));
      if (isManifest) void catalog.setChildren(object.digest, children);
    } catch {
      // The disk refused: nothing is kept.
    }
    release();
  }

  async #fill(object: StoredObject, bytes: Uint8Array): Promise<void> {
    const partial = await this.#store.content.begin(object.digest);
    try {
      const half = Math.floor(bytes.length / 2);
      await partial.write(half, bytes.subarray(half));
      await partial.write(0, bytes.subarray(0, half));
      expect(await partial.verify(bytes.length)).toBe(true);
      await partial.commit(object);
    } catch (error) {
      await partial.abort().catch(() => undefined);
      throw error;
    } finally {
      await partial.close();
    }
  }

  async #begin(object: StoredObject, bytes: Uint8Array, end: 'abort' | 'park'): Promise<void> {
    const partial = await this.#store.content.begin(object.digest).catch(() => undefined);
    if (partial === undefined) return;
    const part = bytes.subarray(0, Math.min(5000, bytes.length));
    await partial.write(0, part).catch(() => undefined);
    await partial.saveJournal({ spans: [], sizeBytes: bytes.length }).catch(() => undefined);
    await partial[end]().catch(() => undefined);
    await partial.close();
    this.#store.space.reserve(0)();
  }

  async #read(object: StoredObject, bytes: Uint8Array): Promise<void> {
    const record = await this.#store.inventory.find(object.digest);
    const reader = record && (await this.#store.inventory.open(record).catch(() => undefined));
    if (reader === undefined) return;
    const isRight = await reader.verify().catch(() => undefined);
    // Nothing that we did changes bytes without changing the size.
    expect(isRight).not.toBe(false);
    this.#readers.push({ reader, bytes });
  }

  /** Behind the store's back; the next one who opens it notices. */
  async #damage(object: StoredObject, how: 'cut' | 'lose'): Promise<void> {
    const path = createStorePaths(this.#path).blob(object);
    const { inventory } = this.#store;
    const record = await inventory.find(object.digest);
    if (record === undefined || object.sizeBytes === 0) return;
    // Whoever reads the very file has what the disk has.
    for (const one of this.#readers.splice(0)) {
      if (objectOf(one.bytes).digest === object.digest) one.reader.close();
      else this.#readers.push(one);
    }
    if (how === 'lose') await unlink(path);
    else await truncate(path, object.sizeBytes - 1);
    this.#faulty.clear();
    expect(await inventory.open(record)).toBeUndefined();
  }

  async #settle(): Promise<void> {
    const { catalog, space } = this.#store;
    await catalog.setState('model', String(this.#clock.nowMs));
    await space.settled();
    await catalog.setState('model', String(this.#clock.nowMs + 1));
    await eventually(() => sum(Object.values(catalog.totalsByKind()), 'bytes') === catalog.totals().bytes);
  }

  async #rows(): Promise<readonly ContentRecord[]> {
    const digits = '0123456789abcdef'.split('');
    return await Promise.resolve(digits.flatMap((digit) => this.#store.catalog.listContent(`sha256:${digit}`)));
  }

  async #check(before: readonly ContentRecord[], step: Step): Promise<void> {
    const { catalog, content, space } = this.#store;
    const rows = await this.#rows();
    const files = await Promise.all((await listNames(content)).map((name) => content.find(name)));
    const toText = (one: { digest: string; sizeBytes: number } | undefined) => `${one?.digest} ${one?.sizeBytes}`;
    expect(files.map(toText).toSorted()).toEqual(rows.map(toText).toSorted());
    expect(catalog.totals()).toEqual({ objects: rows.length, bytes: sum(rows, 'sizeBytes') });
    const here = new Set(rows.map(({ digest }) => digest));
    const gone = before.filter(({ digest }) => !here.has(digest));
    this.#checkOrder(
      gone,
      before.filter(({ digest }) => here.has(digest)),
      step,
    );
    this.#checkBounds(rows);
    expect(space.usage().reservedBytes).toBe(0);
    for (const { reader, bytes } of this.#readers) {
      const into = Buffer.alloc(bytes.length);
      await reader.read(0, into);
      expect(into.equals(bytes)).toBe(true);
    }
  }

  #checkOrder(gone: readonly ContentRecord[], kept: readonly ContentRecord[], { what, i }: Step): void {
    if (what === 'restart') expect(gone).toEqual([]);
    const named = contents[i]?.object.digest;
    const isEvicted = ({ digest }: ContentRecord) => !['purge', 'cut', 'lose'].includes(what) || digest !== named;
    const evicted = gone.filter(isEvicted);
    for (const { digest } of evicted) expect(this.#pins.has(digest)).toBe(false);
    for (const kind of ['once', 'reused', 'manifest'] as const) {
      const newest = Math.max(...evicted.filter((one) => one.kind === kind).map(({ lastUsedMs }) => lastUsedMs));
      const older = kept.filter(
        (one) => one.kind === kind && one.lastUsedMs < newest && !this.#isUsed(one.digest, step(what, i)),
      );
      // What a fault kept on the disk stays in the books.
      if (this.#faulty.failed.length === 0) expect(older).toEqual([]);
    }
    function step(kindOfStep: string, index: number): Digest | undefined {
      return ['use', 'pull', 'pin', 'unpin'].includes(kindOfStep) ? contents[index]?.object.digest : undefined;
    }
  }

  /** Used, or pinned, in this very step. */
  #isUsed(digest: Digest, used: Digest | undefined): boolean {
    return digest === used || this.#pins.has(digest);
  }

  #checkBounds(rows: readonly ContentRecord[]): void {
    const { contentBytes, leftoverBytes } = this.#store.space.usage();
    const pinned = sum(
      rows.filter(({ kind }) => kind === 'pinned'),
      'sizeBytes',
    );
    if (this.#faulty.failed.length > 0) return;
    expect(contentBytes + leftoverBytes).toBeLessThanOrEqual(Math.max(maxSizeBytes, pinned));
  }
}

function sum<Key extends string>(all: readonly Readonly<Record<Key, number>>[], key: Key): number {
  return all.reduce((total, one) => total + one[key], 0);
}
