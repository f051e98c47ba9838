import { describe, expect, test } from '@jest/globals';
import type { ContentReader, ContentStore, PartialContent } from '../../../src/store/content-store.ts';
import { createImpatientContentStore } from '../../../src/store/impatient-content-store.ts';
import { bytesOf, FakeClock, nextTurn, objectOf } from './fixtures.ts';

const object = objectOf(bytesOf('a', 100));
const timeout = { code: 'ETIMEDOUT' };

/** A disk of which every answer waits until the test gives it. */
function createHungStore() {
  const opened = Promise.withResolvers<ContentReader | undefined>();
  const begun = Promise.withResolvers<PartialContent>();
  const watched = Promise.withResolvers<(() => void) | undefined>();
  const content = {
    open: () => opened.promise,
    begin: () => begun.promise,
    watch: () => watched.promise,
  } as unknown as ContentStore;
  const clock = new FakeClock();
  return { store: createImpatientContentStore(content, clock), clock, opened, begun, watched };
}

function createReader(read: ContentReader['read'], onClose: () => void = () => {}): ContentReader {
  const verify = () => Promise.resolve(true);
  return { sizeBytes: 100, isTrusted: true, read, verify, close: onClose };
}

describe('a disk that hangs', () => {
  test('is not waited for when a file is opened, and what it gives later is closed', async () => {
    const { store, clock, opened } = createHungStore();
    const opening = expect(store.open(object)).rejects.toMatchObject(timeout);
    clock.advance(9999);
    await nextTurn();
    clock.advance(1);
    await opening;
    let isClosed = false;
    opened.resolve(
      createReader(
        () => Promise.resolve(0),
        () => (isClosed = true),
      ),
    );
    await nextTurn();
    expect(isClosed).toBe(true);
  });

  test('is not waited for when a file is to be watched, and a late watch is ended', async () => {
    const { store, clock, watched } = createHungStore();
    const watching = expect(store.watch(object, () => {})).rejects.toMatchObject(timeout);
    clock.advance(10_000);
    await watching;
    let hasEnded = false;
    watched.resolve(() => (hasEnded = true));
    await nextTurn();
    expect(hasEnded).toBe(true);
  });

  test('is not waited for when a fill begins, and the late file is thrown away', async () => {
    const { store, clock, begun } = createHungStore();
    const beginning = expect(store.begin(object.digest)).rejects.toMatchObject(timeout);
    clock.advance(10_000);
    await beginning;
    const ended: string[] = [];
    const end = (what: string) => () => Promise.resolve(void ended.push(what));
    begun.resolve({ abort: end('abort'), close: end('close') } as unknown as PartialContent);
    await nextTurn();
    expect(ended).toEqual(['abort', 'close']);
  });

  test('is not waited for when a file is read', async () => {
    const { store, clock, opened } = createHungStore();
    opened.resolve(createReader(() => new Promise(() => {})));
    const reader = await store.open(object);
    const reading = expect(reader?.read(0, Buffer.alloc(10))).rejects.toMatchObject(timeout);
    clock.advance(30_000);
    await reading;
    reader?.close();
  });

  test('that answers in time leaves no timer, and its errors are its own', async () => {
    const { store, clock, opened, begun } = createHungStore();
    opened.reject(new Error('EIO'));
    begun.reject(new Error('EROFS'));
    await expect(store.open(object)).rejects.toThrow('EIO');
    await expect(store.begin(object.digest)).rejects.toThrow('EROFS');
    clock.advance(60_000);
    await nextTurn();
  });
});
