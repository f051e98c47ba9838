import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { EvictionBench } from './eviction-bench.ts';
import { objectOf, useDirectory } from './fixtures.ts';

const day = 24 * 60 * 60 * 1000;
let bench: EvictionBench;

// Before the directory goes.
afterEach(() => bench.close());
const directory = useDirectory();
beforeEach(async () => {
  bench = await EvictionBench.open(directory());
});

function kindOf(name: string): string | undefined {
  return bench.catalog.findContent(objectOf(Buffer.from(name)).digest)?.kind;
}

describe('what goes first', () => {
  test('is what was used once, by age, and then what was used again, by its last use', async () => {
    for (const name of ['a', 'b', 'c', 'd', 'e']) await bench.add(name);
    await bench.use('c', 'a');
    expect(await bench.evict(200)).toEqual(['b', 'd']);
    expect(await bench.evict(200)).toEqual(['e', 'c']);
    expect(await bench.evict(1)).toEqual(['a']);
    expect(await bench.evict(1)).toEqual([]);
    expect(bench.catalog.totals()).toEqual({ objects: 0, bytes: 0 });
  });

  test('is the same after a restart', async () => {
    for (const name of ['a', 'b', 'c', 'd']) await bench.add(name);
    await bench.use('b', 'a');
    await bench.reopen();
    expect([kindOf('a'), kindOf('c')]).toEqual(['reused', 'once']);
    expect(await bench.evict(400)).toEqual(['c', 'd', 'b', 'a']);
  });

  test('is what is oldest while what was used again has more than four fifths of the quota', async () => {
    bench.limitBytes = 1000;
    const reused = ['r1', 'r2', 'r3', 'r4', 'r5', 'r6', 'r7', 'r8', 'r9', 'r10'];
    for (const name of reused) await bench.add(name);
    await bench.use(...reused.slice(0, 2));
    await bench.add('o1');
    await bench.use(...reused.slice(2));
    await bench.add('o2');
    // 1000 bytes of it: 200 too many. After that the young one that was used once goes before the old ones.
    expect(await bench.evict(400)).toEqual(['r1', 'r2', 'o1', 'o2']);
    expect(await bench.evict(100)).toEqual(['r3']);
  });

  test('is what was used once also by age while there is too much of the other', async () => {
    bench.limitBytes = 100;
    for (const name of ['r1', 'o1', 'r2']) await bench.add(name);
    await bench.use('r1', 'r2');
    expect(await bench.evict(200)).toEqual(['o1', 'r1']);
  });

  test('is no manifest unless nothing else is left', async () => {
    await bench.add('m1', 100, { isManifest: true });
    await bench.add('m2', 100, { isManifest: true });
    await bench.add('a');
    await bench.add('b');
    await bench.use('b');
    expect(await bench.evict(250)).toEqual(['a', 'b', 'm1']);
    expect(await bench.evict(1)).toEqual(['m2']);
  });

  test('is a manifest while they have more than a twentieth of the quota, and no longer', async () => {
    bench.limitBytes = 10_000;
    await bench.add('old');
    for (const name of ['m1', 'm2', 'm3', 'm4', 'm5', 'm6', 'm7']) await bench.add(name, 100, { isManifest: true });
    await bench.add('young');
    await bench.use('m1');
    expect(await bench.evict(300)).toEqual(['m2', 'm3', 'old']);
    expect(await bench.evict(100)).toEqual(['young']);
  });

  test('is found anew after each batch, also among more than one batch can take', async () => {
    const names = Array.from({ length: 150 }, (_, index) => `o${index}`);
    for (const name of names) await bench.add(name);
    await bench.use('o0', 'o149');
    expect(await bench.evict(14_900)).toEqual([...names.slice(1, 149), 'o0']);
    expect(bench.catalog.totals().objects).toBe(1);
  });
});

describe('an eviction', () => {
  test('takes no more than it must, although several objects go at once', async () => {
    for (let index = 0; index < 20; index += 1) await bench.add(`o${index}`);
    expect(await bench.evict(250)).toEqual(['o0', 'o1', 'o2']);
    expect(bench.evicted).toEqual([{ objects: 3, bytes: 300 }]);
    expect(bench.happenings).toEqual([{ type: 'evicted', objects: 3, bytes: 300 }]);
    expect(await bench.evict(0)).toEqual([]);
  });

  test('of a disk on which nothing can be deleted ends, and everything keeps its row', async () => {
    for (let index = 0; index < 100; index += 1) await bench.add(`o${index}`);
    const before = bench.catalog.findContent(objectOf(Buffer.from('o5')).digest);
    bench.clock.advance(1000);
    bench.content.failing.set('remove', new Error('EROFS'));
    expect(await bench.evict(250)).toEqual([]);
    expect(bench.catalog.totals()).toEqual({ objects: 100, bytes: 10_000 });
    expect(bench.catalog.findContent(objectOf(Buffer.from('o5')).digest)).toEqual(before);
    expect(bench.evicted).toEqual([]);
    bench.content.failing.clear();
    expect(await bench.evict(250)).toEqual(['o0', 'o1', 'o2']);
  });

  test('that is told to stop takes nothing more', async () => {
    await bench.add('a');
    bench.stop.abort();
    expect(await bench.evict(1)).toEqual([]);
    expect(await bench.expire(0)).toEqual([]);
  });
});

describe('what nobody has used for so long', () => {
  test('expires, whatever its kind, and nothing else', async () => {
    await bench.add('m', 100, { isManifest: true });
    for (const name of ['a', 'b', 'c', 'd']) await bench.add(name);
    await bench.use('b', 'c');
    bench.clock.advance(10 * day);
    await bench.use('c');
    await bench.add('e');
    bench.clock.advance(5 * day);
    expect(await bench.expire(20 * day)).toEqual([]);
    expect(new Set(await bench.expire(10 * day))).toEqual(new Set(['m', 'a', 'b', 'd']));
    expect(bench.catalog.totals().objects).toBe(2);
    bench.clock.advance(6 * day);
    expect(new Set(await bench.expire(10 * day))).toEqual(new Set(['c', 'e']));
  });

  test('is not what a clock says that jumps, neither while we run nor at the start', async () => {
    await bench.add('a');
    const wallMs = bench.clock.wallMs();
    for (const jumpMs of [Date.UTC(2100, 0), 0, wallMs + 40 * 365 * day]) {
      bench.clock.setWall(jumpMs);
      expect(await bench.expire(day)).toEqual([]);
      await bench.reopen();
      expect(await bench.expire(day)).toEqual([]);
    }
    bench.clock.advance(day + 1);
    expect(await bench.expire(day)).toEqual(['a']);
  });

  test('goes in as many batches as it takes', async () => {
    for (let index = 0; index < 130; index += 1) await bench.add(`o${index}`);
    bench.clock.advance(day);
    await bench.add('young');
    expect(await bench.expire(day)).toHaveLength(130);
    expect(kindOf('young')).toBe('once');
  });
});

describe('what is pinned', () => {
  test('stays when everything else goes, and goes again when it is not pinned any more', async () => {
    const { digest } = await bench.add('pinned');
    await bench.add('a');
    await bench.add('b');
    await bench.catalog.addPin({ type: 'digest', digest });
    expect(await bench.evict(1000)).toEqual(['a', 'b']);
    bench.clock.advance(10 * day);
    expect(await bench.expire(day)).toEqual([]);
    await bench.catalog.removePin({ type: 'digest', digest });
    expect(await bench.evict(1)).toEqual(['pinned']);
  });

  test.each(['evict', 'expire'] as const)('is found out before it may %s: content comes after its pin', async (how) => {
    bench.pins = [{ type: 'digest', digest: objectOf(Buffer.from('late')).digest }];
    await bench.reopen();
    await bench.add('late');
    await bench.add('a');
    expect(kindOf('late')).toBe('once');
    bench.clock.advance(10 * day);
    expect(await bench[how](day)).toEqual(['a']);
    expect(kindOf('late')).toBe('pinned');
  });
});
