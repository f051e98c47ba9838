import { expect } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import type { StoredObject } from '../../src/store/content-store.ts';
import { digestOf, objectOf } from '../unit/store/fixtures.ts';
import { listAll, readAll, type Check } from './subject.ts';

const bytes = randomBytes(100_000);
const object = objectOf(bytes);

/** What is asked about one digest happens in the order in which it is asked; and what is found is what is there. */
export function changesInOrder(check: Check): void {
  check('a removal that comes after an object is put takes it, one that comes before does not', async ({ store }) => {
    await Promise.all([store.put(object, bytes), store.remove(object)]);
    expect(await listAll(store)).toEqual([]);
    await Promise.all([store.remove(object), store.put(object, bytes), store.remove(object), store.put(object, bytes)]);
    expect(await readAll(store, object)).toEqual(bytes);
  });

  check('a removal that comes after a commit takes what was committed', async ({ store }) => {
    const partial = await store.begin(object.digest);
    await partial.write(0, bytes);
    // One turn for what the commit has to do before it moves anything.
    const committed = partial.commit(object);
    await Promise.resolve().then(() => undefined);
    await Promise.all([committed, store.remove(object)]);
    expect(await listAll(store)).toEqual([]);
    await partial.close();
  });

  check('what is about to go is not found, what is about to come is', async ({ store }) => {
    const [, early] = await Promise.all([store.put(object, bytes), store.find(object)]);
    expect(early).toMatchObject(object);
    const [, late] = await Promise.all([store.remove(object), store.find(object)]);
    expect(late).toBeUndefined();
  });

  check('an object is found by its name, whatever its size, with the time of its change', async (subject) => {
    const { store, change } = subject;
    expect(await store.find(object)).toBeUndefined();
    await store.put(object, bytes);
    expect(await store.find({ ...object, provenance: 'restricted' })).toBeUndefined();
    const found = await store.find({ digest: object.digest, provenance: 'public' });
    expect(found).toMatchObject(object);
    expect(Math.abs(Date.now() - (found?.changedMs ?? 0))).toBeLessThan(600_000);
    await change(object, bytes.subarray(0, 10));
    expect(await store.find(object)).toMatchObject({ sizeBytes: 10 });
  });

  check('a list has what begins with its prefix, of both provenances, and nothing else', async ({ store }) => {
    const objects: StoredObject[] = [];
    for (let index = 0; index < 20; index += 1) {
      const each = Buffer.from(`${index}`);
      const provenance = index % 2 === 0 ? 'public' : 'restricted';
      objects.push({ ...objectOf(each, provenance), digest: digestOf(each, index % 3 === 0 ? 'sha512' : 'sha256') });
      await store.put(objects[index] ?? object, each);
    }
    const prefixes = new Set(objects.map(({ digest }) => digest.slice(0, 'sha256:00'.length)));
    for (const prefix of prefixes) {
      const expected = objects.filter(({ digest }) => digest.startsWith(prefix));
      const listed = await store.list(prefix);
      expect(new Set(listed)).toEqual(new Set(expected.map(({ digest, provenance }) => ({ digest, provenance }))));
    }
    const unused = ['00', '01', '02', '03', '04', '05', '06', '07', '08', '09', '0a', '0b', '0c', '0d', '0e', '0f'];
    const empty = unused.find((digits) => !prefixes.has(`sha256:${digits}`));
    expect(await store.list(`sha256:${empty}`)).toEqual([]);
  });
}
