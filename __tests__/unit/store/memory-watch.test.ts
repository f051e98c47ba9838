import { expect, test } from '@jest/globals';
import { createMemoryWatch } from '../../../src/store/memory-watch.ts';
import type { Digest } from '../../../src/oci/digest.ts';
import { createManualClock } from '../http/manual-clock.ts';
import { bytesOf, digestOf } from './fixtures.ts';

const digestOfName = (name: string): Digest => digestOf(bytesOf(name, 10));
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function setUp(look: (digest: Digest) => Promise<void> = () => Promise.resolve()) {
  const clock = createManualClock();
  const looks: Digest[] = [];
  const watch = createMemoryWatch(clock, async (digest) => {
    looks.push(digest);
    await look(digest);
  });
  return { clock, looks, watch };
}

test('a file is looked at a little after its use, once however often it was used', async () => {
  const { clock, looks, watch } = setUp();
  for (const name of ['a', 'b', 'a']) watch.used(digestOfName(name));
  expect(looks).toEqual([]);
  clock.advance(250);
  await turn();
  expect(looks).toEqual([digestOfName('a'), digestOfName('b')]);
  expect(clock.pending).toBe(0);
  watch.used(digestOfName('a'));
  clock.advance(250);
  await turn();
  expect(looks).toHaveLength(3);
});

test('many files are looked at in several goes', async () => {
  const { clock, looks, watch } = setUp();
  for (let index = 0; index < 100; index += 1) watch.used(digestOfName(`${index}`));
  clock.advance(250);
  await turn();
  expect(looks).toHaveLength(64);
  clock.advance(250);
  await turn();
  expect(new Set(looks).size).toBe(100);
});

test('the end waits for the look that is under way, and there is no other', async () => {
  const held = Promise.withResolvers<void>();
  const { clock, looks, watch } = setUp(() => held.promise);
  watch.used(digestOfName('a'));
  clock.advance(250);
  await turn();
  let hasEnded = false;
  const ending = watch.close().then(() => (hasEnded = true));
  watch.used(digestOfName('b'));
  await turn();
  expect(hasEnded).toBe(false);
  held.resolve();
  await ending;
  expect(looks).toEqual([digestOfName('a')]);
  expect(clock.pending).toBe(0);
});
