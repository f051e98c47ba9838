import { expect } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import type { ContentStore, StoredObject } from '../../src/store/content-store.ts';
import { objectOf } from '../unit/store/fixtures.ts';
import type { Check } from './subject.ts';

/** Who is told of what happens to an object. */
export function watching(check: Check): void {
  check('whoever watches an object is told of what happens to it, and to no other', async ({ store, change }) => {
    const other = await putObject(store);
    let calls = 0;
    const endWatch = await store.watch(other, () => (calls += 1));
    const acts: readonly ((object: StoredObject) => Promise<unknown>)[] = [
      (object) => change(object, randomBytes(1000)),
      (object) => store.remove(object),
      (object) => store.quarantine(object),
    ];
    for (const act of acts) {
      const object = await putObject(store);
      const told = Promise.withResolvers<void>();
      expect(await store.watch(object, told.resolve)).toBeDefined();
      await act(object);
      await told.promise;
    }
    expect(calls).toBe(0);
    endWatch?.();
  });

  check('restricted content that becomes public is told of', async ({ store }) => {
    const object = await putObject(store, 'restricted');
    const told = Promise.withResolvers<void>();
    await store.watch(object, told.resolve);
    await store.promote(object);
    await told.promise;
  });

  check('an object that is not there cannot be watched', async ({ store }) => {
    expect(await store.watch(objectOf(randomBytes(10)), () => {})).toBeUndefined();
  });
}

async function putObject(store: ContentStore, provenance: 'public' | 'restricted' = 'public'): Promise<StoredObject> {
  const bytes = randomBytes(1000);
  const object = { ...objectOf(bytes), provenance };
  await store.put(object, bytes);
  return object;
}
