import type { ContentReader, ContentStore, ObjectName, StoredObject } from '../../src/store/content-store.ts';
import { listNames } from '../unit/store/fixtures.ts';

/** What a test gets: a fresh store, and what a store cannot do itself. */
export interface StoreUnderTest {
  readonly store: ContentStore;
  /** What the store has found damaged, in order. */
  readonly damaged: readonly StoredObject[];
  /** The same store as a new process would open it after a crash. */
  reopen(): Promise<ContentStore>;
  /** From now on whoever is told of damage is not done before the result is called. */
  holdReports(): () => void;
  /** Puts other bytes in the place of an object's, in the same file, behind the store's back. */
  change(name: ObjectName, bytes: Uint8Array): Promise<void>;
}

export type Check = (name: string, run: (subject: StoreUnderTest) => Promise<void>) => void;

export async function openObject(store: ContentStore, object: StoredObject): Promise<ContentReader> {
  const reader = await store.open(object);
  if (reader === undefined) throw new Error('the object is not there');
  return reader;
}

export async function readAll(store: ContentStore, object: StoredObject): Promise<Buffer> {
  const reader = await openObject(store, object);
  try {
    const into = Buffer.alloc(reader.sizeBytes);
    await reader.read(0, into);
    return into;
  } finally {
    reader.close();
  }
}

/** With their sizes. */
export async function listAll(store: ContentStore): Promise<readonly StoredObject[]> {
  const found = (await listNames(store)).map(async (name) => await store.find(name));
  return (await Promise.all(found)).flatMap((object) => {
    if (object === undefined) return [];
    const { digest, sizeBytes, provenance } = object;
    return [{ digest, sizeBytes, provenance }];
  });
}
