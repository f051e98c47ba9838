import { expect, test } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import type { PartialContent, StoredObject } from '../../src/store/content-store.ts';
import { digestOf, objectOf } from '../unit/store/fixtures.ts';
import { changesInOrder } from './content-store-order.ts';
import { leftovers, lingering } from './content-store-room.ts';
import { trust } from './content-store-trust.ts';
import { watching } from './content-store-watch.ts';
import { listAll, openObject, readAll, type Check, type StoreUnderTest } from './subject.ts';

const megabyte = 1024 * 1024;

/** Every implementation of `ContentStore` passes these. */
export function contentStoreContract(
  useStore: (test: (subject: StoreUnderTest) => Promise<void>) => Promise<void>,
): void {
  const check = (name: string, run: (subject: StoreUnderTest) => Promise<void>) => {
    test(name, () => useStore(run));
  };
  objects(check);
  partialFiles(check);
  hashes(check);
  trust(check);
  leftovers(check);
  lingering(check);
  changesInOrder(check);
  watching(check);
}

function objects(check: Check): void {
  check('an object that was put is read back, whole and in parts', async ({ store }) => {
    const bytes = randomBytes(100_000);
    const object = objectOf(bytes);
    await store.put(object, bytes);
    expect(await readAll(store, object)).toEqual(bytes);
    const reader = await openObject(store, object);
    const part = Buffer.alloc(1000);
    expect(await reader.read(99_500, part)).toBe(500);
    expect(part.subarray(0, 500)).toEqual(bytes.subarray(99_500));
    expect(await reader.read(100_000, part)).toBe(0);
    reader.close();
  });

  check('the empty object is an object', async ({ store }) => {
    const object = objectOf(Buffer.alloc(0));
    await store.put(object, Buffer.alloc(0));
    const reader = await openObject(store, object);
    expect(await reader.read(0, Buffer.alloc(10))).toBe(0);
    reader.close();
  });

  check('an object that is absent, or of another size, is not there', async ({ store }) => {
    const bytes = randomBytes(10);
    const object = objectOf(bytes);
    expect(await store.open(object)).toBeUndefined();
    await store.put(object, bytes);
    expect(await store.open({ ...object, sizeBytes: 11 })).toBeUndefined();
    expect(await store.open({ ...object, sizeBytes: 9 })).toBeUndefined();
  });

  check('restricted content is apart from public content until it is promoted', async ({ store }) => {
    const bytes = randomBytes(10);
    const restricted = objectOf(bytes, 'restricted');
    await store.put(restricted, bytes);
    expect(await store.open({ ...restricted, provenance: 'public' })).toBeUndefined();
    await store.promote(restricted);
    expect(await readAll(store, { ...restricted, provenance: 'public' })).toEqual(bytes);
    // Whoever looked it up before the promotion still finds it.
    expect(await readAll(store, restricted)).toEqual(bytes);
    await store.promote(restricted);
    expect(await listAll(store)).toEqual([{ ...restricted, provenance: 'public' }]);
  });

  check('a removed object is absent, and its open readers read on', async ({ store }) => {
    const bytes = randomBytes(1000);
    const object = objectOf(bytes);
    await store.put(object, bytes);
    const reader = await openObject(store, object);
    await store.remove(object);
    await store.remove(object);
    expect(await store.open(object)).toBeUndefined();
    const into = Buffer.alloc(1000);
    await reader.read(0, into);
    reader.close();
    expect(into).toEqual(bytes);
  });

  check('the list has every object, of both algorithms, and survives a restart', async ({ store, reopen }) => {
    const bytes = randomBytes(50);
    const all: StoredObject[] = [
      objectOf(bytes),
      objectOf(randomBytes(60), 'restricted'),
      { ...objectOf(bytes), digest: digestOf(bytes, 'sha512') },
    ];
    await Promise.all(all.map((object) => store.put(object, object.sizeBytes === 50 ? bytes : Buffer.alloc(60))));
    for (const subject of [store, await reopen()]) {
      const listed = await listAll(subject);
      expect(new Set(listed.map(({ digest }) => digest))).toEqual(new Set(all.map(({ digest }) => digest)));
    }
  });
}

function partialFiles(check: Check): void {
  check('bytes written in any order become content', async ({ store }) => {
    const bytes = randomBytes(300_000);
    const object = objectOf(bytes);
    const partial = await store.begin(object.digest);
    expect(partial.recovered).toEqual({ spans: [], sizeBytes: undefined });
    for (const start of [200_000, 0, 100_000]) await partial.write(start, bytes.subarray(start, start + 100_000));
    const into = Buffer.alloc(1000);
    expect(await partial.read(150_000, into)).toBe(1000);
    expect(into).toEqual(bytes.subarray(150_000, 151_000));
    expect(await partial.verify(bytes.length)).toBe(true);
    await partial.commit(object);
    expect(await readAll(store, object)).toEqual(bytes);
    // Readers of the fill read on after it is content.
    expect(await partial.read(0, into)).toBe(1000);
    await partial.close();
    expect(await store.listLeftovers()).toEqual([]);
  });

  check('a digest is collected at most once at a time', async ({ store }) => {
    const { digest } = objectOf(randomBytes(10));
    const partial = await store.begin(digest);
    await expect(store.begin(digest)).rejects.toThrow('collected already');
    expect(await store.removeLeftover({ type: 'parked', digest, heldBytes: 0, changedMs: 0 })).toBe(false);
    await partial.abort();
    const next = await store.begin(digest);
    await partial.close();
    await next.abort();
    await next.close();
  });

  check('after an abort nothing is left but for those who read it', async ({ store }) => {
    const bytes = randomBytes(1000);
    const { digest } = objectOf(bytes);
    const partial = await store.begin(digest);
    await partial.write(0, bytes);
    await partial.saveJournal({ spans: [{ start: 0, end: 1000 }], sizeBytes: 1000 });
    await partial.abort();
    expect(await store.listLeftovers()).toEqual([]);
    const into = Buffer.alloc(1000);
    expect(await partial.read(0, into)).toBe(1000);
    await partial.close();
    const next = await store.begin(digest);
    expect(next.recovered.spans).toEqual([]);
    await next.abort();
    await next.close();
  });

  check('a parked file is resumed where it was, and by another process', async ({ store, reopen }) => {
    const bytes = randomBytes(200_000);
    const object = objectOf(bytes);
    const spans = [
      { start: 0, end: 50_000 },
      { start: 100_000, end: 200_000 },
    ];
    const first = await store.begin(object.digest);
    for (const { start, end } of spans) await first.write(start, bytes.subarray(start, end));
    await first.saveJournal({ spans, sizeBytes: 200_000 });
    await first.park();
    await first.close();
    const [record] = await store.listLeftovers();
    expect(record?.digest).toBe(object.digest);
    const again = await reopen();
    const second = await again.begin(object.digest);
    expect(second.recovered).toEqual({ spans, sizeBytes: 200_000 });
    expect(await again.listLeftovers()).toEqual([]);
    await second.write(50_000, bytes.subarray(50_000, 100_000));
    expect(await second.verify(200_000)).toBe(true);
    await second.commit(object);
    await second.close();
    expect(await readAll(again, object)).toEqual(bytes);
  });

  check('a file that was parked without a journal holds nothing that is trusted', async ({ store, reopen }) => {
    const { digest } = objectOf(randomBytes(10));
    const first = await store.begin(digest);
    await first.write(0, randomBytes(10));
    await first.park();
    await first.close();
    const again = await reopen();
    const second = await again.begin(digest);
    expect(second.recovered).toEqual({ spans: [], sizeBytes: undefined });
    expect(await second.read(0, Buffer.alloc(10))).toBe(0);
    await second.abort();
    await second.close();
  });

  check('a parked file can be removed', async ({ store }) => {
    const { digest } = objectOf(randomBytes(10));
    const partial = await store.begin(digest);
    await partial.write(0, randomBytes(10));
    await partial.park();
    await partial.close();
    const [leftover] = await store.listLeftovers();
    expect(leftover).toMatchObject({ type: 'parked', digest });
    expect(leftover && (await store.removeLeftover(leftover))).toBe(true);
    expect(await store.listLeftovers()).toEqual([]);
  });
}

function hashes(check: Check): void {
  check('wrong and missing bytes are not verified', async ({ store }) => {
    const bytes = randomBytes(3 * megabyte);
    const { digest } = objectOf(bytes);
    const partial = await store.begin(digest);
    await partial.write(0, bytes.subarray(0, 2 * megabyte));
    partial.advanceHash(2 * megabyte);
    expect(await partial.verify(2 * megabyte)).toBe(false);
    await partial.write(2 * megabyte, Buffer.alloc(megabyte, 1));
    partial.advanceHash(3 * megabyte);
    expect(await partial.verify(3 * megabyte)).toBe(false);
    await partial.abort();
    await partial.close();
    const short = await store.begin(digest);
    await short.write(0, bytes.subarray(0, 2 * megabyte));
    expect(await short.verify(bytes.length)).toBe(false);
    await short.abort();
    await short.close();
  });

  check('a hash goes on from any prefix, also from one that was passed', async ({ store }) => {
    const bytes = randomBytes(4 * megabyte);
    const { digest } = objectOf(bytes);
    const partial = await store.begin(digest);
    await partial.write(0, bytes);
    partial.advanceHash(3 * megabyte);
    for (const end of [0, 1, 3 * megabyte, 2 * megabyte + 7, bytes.length]) {
      const hash = await partial.forkHash(end);
      await hash.update(bytes.subarray(end));
      expect(await hash.matches(digest)).toBe(true);
    }
    const wrong = await partial.forkHash(100);
    await wrong.update(bytes.subarray(101));
    expect(await wrong.matches(digest)).toBe(false);
    const dropped = await partial.forkHash(100);
    dropped.close();
    await endBy(partial, 'abort');
  });
}

async function endBy(partial: PartialContent, how: 'abort' | 'park'): Promise<void> {
  await partial[how]();
  await partial.close();
}
