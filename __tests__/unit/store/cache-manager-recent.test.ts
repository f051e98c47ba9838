import { describe, expect, test } from '@jest/globals';
import { createRecent } from '../../../src/store/cache-manager-recent.ts';
import { FakeClock, nextTurn } from './fixtures.ts';

describe('recent answers', () => {
  test('a value is found, as it was given, until its time is over', async () => {
    const clock = new FakeClock();
    const recent = createRecent({ clock });
    const value = { bytes: new Uint8Array([1, 2]), tags: ['a'], missing: undefined };
    expect(await recent.find('key')).toBeUndefined();
    await recent.set('key', value, 1000);
    clock.advance(999);
    expect(await recent.find('key')).toBe(value);
    clock.advance(1);
    expect(await recent.find('key')).toBeUndefined();
  });

  test('a value is replaced and removed', async () => {
    const recent = createRecent({ clock: new FakeClock() });
    await recent.set('key', 1, 1000);
    await recent.set('key', null, 1000);
    expect(await recent.find('key')).toBeNull();
    await recent.remove('key');
    expect(await recent.find('key')).toBeUndefined();
  });

  test('the oldest of too many go', async () => {
    const recent = createRecent({ clock: new FakeClock(), maxEntries: 2 });
    for (const key of ['a', 'b', 'c']) await recent.set(key, key, 1000);
    expect(await Promise.all(['a', 'b', 'c'].map((key) => recent.find(key)))).toEqual([undefined, 'b', 'c']);
  });

  test('large values count by their bytes, and one that is too large is not kept', async () => {
    const recent = createRecent({ clock: new FakeClock(), maxBytes: 10_000 });
    await recent.set('a', { bytes: new Uint8Array(6000) }, 1000);
    await recent.set('b', 'x'.repeat(6000), 1000);
    await recent.set('c', new Uint8Array(20_000), 1000);
    expect(await recent.find('a')).toBeUndefined();
    expect(await recent.find('b')).toBeDefined();
    expect(await recent.find('c')).toBeUndefined();
  });

  test('a cache that fails is an empty one', async () => {
    const fail = () => Promise.reject(new Error('away'));
    const throws = () => {
      throw new Error('away');
    };
    const recents = [
      createRecent({ clock: new FakeClock(), cache: { get: fail, set: fail, del: fail } }),
      createRecent({ clock: new FakeClock(), cache: { get: throws, set: throws, del: throws } }),
    ];
    for (const recent of recents) {
      await recent.set('key', 1, 1000);
      expect(await recent.find('key')).toBeUndefined();
      await recent.remove('key');
    }
  });

  test('a cache that hangs is an empty one after its budget', async () => {
    const clock = new FakeClock();
    const hang = () => new Promise<never>(() => undefined);
    const recent = createRecent({ clock, cache: { get: hang, set: hang, del: hang } });
    const found = recent.find('key');
    await nextTurn();
    clock.advance(250);
    expect(await found).toBeUndefined();
  });

  test('a cache that hangs holds up one caller, not each, and is tried again after a rest', async () => {
    const clock = new FakeClock();
    let asked = 0;
    const get = () => {
      asked += 1;
      return asked === 1 ? new Promise<never>(() => undefined) : Promise.resolve({ value: 1, deadlineMs: Infinity });
    };
    const recent = createRecent({ clock, cache: { get, set: get, del: get } });
    const found = recent.find('key');
    await nextTurn();
    clock.advance(250);
    expect(await found).toBeUndefined();
    expect(await recent.find('key')).toBeUndefined();
    clock.advance(9999);
    expect(await recent.find('key')).toBeUndefined();
    expect(asked).toBe(1);
    clock.advance(1);
    expect(await recent.find('key')).toBe(1);
  });

  test('what another program left in the cache is not believed', async () => {
    const cache = { get: () => Promise.resolve('text'), set: () => Promise.resolve(), del: () => Promise.resolve() };
    expect(await createRecent({ clock: new FakeClock(), cache }).find('key')).toBeUndefined();
  });
});
