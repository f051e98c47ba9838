import { expect } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { digestOf, objectOf } from '../unit/store/fixtures.ts';
import { openObject, type Check } from './subject.ts';

/** What is verified, how often, and how long that is believed. */
export function trust(check: Check): void {
  check('an object is trusted once it was verified, by every reader, and not by the next process', async (subject) => {
    const { store, reopen, damaged } = subject;
    const bytes = randomBytes(100_000);
    for (const digest of [digestOf(bytes), digestOf(bytes, 'sha512')]) {
      const object = { ...objectOf(bytes), digest };
      await store.put(object, bytes);
      const [reader, other] = [await openObject(store, object), await openObject(store, object)];
      expect([reader.isTrusted, other.isTrusted]).toEqual([false, false]);
      expect(await reader.verify()).toBe(true);
      expect([reader.isTrusted, other.isTrusted]).toEqual([true, true]);
      const later = await openObject(store, object);
      expect(later.isTrusted).toBe(true);
      const next = await openObject(await reopen(), object);
      expect(next.isTrusted).toBe(false);
      expect(await next.verify()).toBe(true);
      for (const each of [reader, other, later, next]) each.close();
    }
    expect(damaged).toEqual([]);
  });

  check('what was hashed on its way in is trusted at once', async ({ store }) => {
    const bytes = randomBytes(10_000);
    const object = objectOf(bytes);
    const partial = await store.begin(object.digest);
    await partial.write(0, bytes);
    expect(await partial.verify(bytes.length)).toBe(true);
    await partial.commit(object);
    await partial.close();
    const reader = await openObject(store, object);
    expect(reader.isTrusted).toBe(true);
    reader.close();
  });

  check('other bytes of the same number are found by verifying, and told before that ends', async (subject) => {
    const { store, change, damaged, holdReports } = subject;
    const object = objectOf(randomBytes(5000));
    await store.put(object, randomBytes(5000));
    await change(object, randomBytes(5000));
    const reader = await openObject(store, object);
    const release = holdReports();
    let isOver = false;
    const verdict = reader.verify().finally(() => (isOver = true));
    // The next pass is over, and this one is not.
    const sound = objectOf(Buffer.from('sound'));
    await store.put(sound, Buffer.from('sound'));
    const second = await openObject(store, sound);
    expect(await second.verify()).toBe(true);
    second.close();
    expect(isOver).toBe(false);
    release();
    expect(await verdict).toBe(false);
    expect(damaged).toEqual([object]);
    expect(reader.isTrusted).toBe(false);
    reader.close();
  });

  check('an object that was changed behind our back is not trusted any more', async ({ store, change, damaged }) => {
    const bytes = randomBytes(5000);
    const object = objectOf(bytes);
    await store.put(object, bytes);
    const before = await openObject(store, object);
    expect(await before.verify()).toBe(true);
    before.close();
    await change(object, Buffer.concat([bytes, Buffer.from('x')]));
    // Another size is as good as absence.
    expect(await store.open(object)).toBeUndefined();
    await change(object, randomBytes(5000));
    const after = await openObject(store, object);
    expect(after.isTrusted).toBe(false);
    expect(await after.verify()).toBe(false);
    expect(damaged).toEqual([object]);
    after.close();
    await change(object, bytes);
    const mended = await openObject(store, object);
    expect(mended.isTrusted).toBe(false);
    expect(await mended.verify()).toBe(true);
    mended.close();
  });

  check('a trusted object is read anew when that is asked for, also beside one who trusts it', async (subject) => {
    const { store, change, damaged } = subject;
    const bytes = randomBytes(5000);
    const object = objectOf(bytes);
    await store.put(object, bytes);
    const reader = await openObject(store, object);
    expect(await reader.verify()).toBe(true);
    expect(await reader.verify({ isAnew: true })).toBe(true);
    await change(object, randomBytes(5000));
    // Opened before the change: this reader has no reason to look again.
    expect(await Promise.all([reader.verify(), reader.verify({ isAnew: true })])).toEqual([true, false]);
    expect(damaged).toEqual([object]);
    // Now it has.
    expect(reader.isTrusted).toBe(false);
    expect(await reader.verify()).toBe(false);
    reader.close();
  });

  check('readers who come together share one pass', async ({ store, damaged }) => {
    const object = objectOf(randomBytes(3_000_000));
    await store.put(object, randomBytes(3_000_000));
    const readers = await Promise.all(Array.from({ length: 8 }, () => openObject(store, object)));
    const verdicts = await Promise.all(readers.map((reader) => reader.verify()));
    expect(verdicts).toEqual(readers.map(() => false));
    expect(damaged).toEqual([object]);
    for (const reader of readers) reader.close();
  });

  check('a pass goes on when the reader who began it closes', async ({ store, damaged }) => {
    const bytes = randomBytes(3_000_000);
    for (const object of [objectOf(bytes), objectOf(randomBytes(3_000_000))]) {
      await store.put(object, bytes);
      const [first, second] = [await openObject(store, object), await openObject(store, object)];
      const verdicts = [first.verify(), second.verify()];
      first.close();
      second.close();
      const isRight = object.digest === digestOf(bytes);
      expect(await Promise.all(verdicts)).toEqual([isRight, isRight]);
      expect(damaged).toHaveLength(isRight ? 0 : 1);
    }
  });
}
