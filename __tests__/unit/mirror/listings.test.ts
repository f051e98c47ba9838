import { beforeEach, describe, expect, test } from '@jest/globals';
import { MirrorError } from '../../../src/oci/errors.ts';
import type { ServedTags } from '../../../src/mirror/pull.ts';
import { failureOf, MirrorBench, minute, placeOf } from './fakes/mirror-bench.ts';
import { denied, unknown } from './fakes/scripted-upstream.ts';

let bench: MirrorBench;

beforeEach(() => {
  bench = new MirrorBench();
});

async function list(page: { n?: number; last?: string } = {}, repository = 'library/a'): Promise<ServedTags> {
  const { n, last } = page;
  return await bench.mirror.listTags({ ...placeOf({ repository }), n, last }, new AbortController().signal);
}

function haveTags(...tags: readonly string[]): void {
  bench.upstream.tagPages.set(undefined, { tags, next: undefined });
}

function goOffline(): void {
  bench.upstream.failure = new MirrorError({ kind: 'upstream-failed', message: 'no answer' });
}

describe('a page of tags', () => {
  beforeEach(() => {
    haveTags('1.0', '1.1', '2.0', 'latest');
  });

  test('is the whole list when nothing else is asked for', async () => {
    expect(await list()).toEqual({
      outcome: 'miss',
      tags: ['1.0', '1.1', '2.0', 'latest'],
      next: undefined,
      warning: undefined,
    });
  });

  test('has as many tags as asked for, and says where the next one begins', async () => {
    expect(await list({ n: 2 })).toMatchObject({ tags: ['1.0', '1.1'], next: { n: 2, last: '1.1' } });
    expect(await list({ n: 2, last: '1.1' })).toMatchObject({ tags: ['2.0', 'latest'], next: undefined });
  });

  test.each([4, 5, 1000])('of %d is the last one when there are four', async (n) => {
    expect(await list({ n })).toMatchObject({ tags: ['1.0', '1.1', '2.0', 'latest'], next: undefined });
  });

  test('begins after a tag, without a number too', async () => {
    expect(await list({ last: '1.1' })).toMatchObject({ tags: ['2.0', 'latest'], next: undefined });
    expect(await list({ last: 'latest' })).toMatchObject({ tags: [], next: undefined });
  });

  test('begins after a tag that is not, or no longer, in the list', async () => {
    expect(await list({ n: 1, last: '1.5' })).toMatchObject({ tags: ['2.0'], next: { n: 1, last: '2.0' } });
    expect(await list({ last: 'zzz' })).toMatchObject({ tags: [], next: undefined });
    expect((await list({ last: '0' })).tags).toHaveLength(4);
  });

  test('of none has no tag and no next page', async () => {
    expect(await list({ n: 0 })).toMatchObject({ tags: [], next: undefined });
  });

  test('is in bytewise order: capitals before small letters', async () => {
    haveTags('B', 'Z', '_', 'a', 'b');
    expect((await list({ last: 'C' })).tags).toEqual(['Z', '_', 'a', 'b']);
    expect((await list({ last: '^' })).tags).toEqual(['_', 'a', 'b']);
  });

  test.each([1, 2, 3, 7])('of %d leads through every tag once, whatever order upstream keeps', async (n) => {
    const tags = ['v10', 'v9', 'latest', 'v2', 'V1', 'a', 'v1'];
    haveTags(...tags);
    const seen: string[] = [];
    let page: ServedTags | undefined;
    do {
      page = await list({ n, ...(page?.next === undefined ? {} : { last: page.next.last }) });
      seen.push(...page.tags);
      expect(seen.length).toBeLessThanOrEqual(tags.length);
    } while (page.next !== undefined);
    expect(seen.toSorted()).toEqual(tags.toSorted());
  });
});

describe('a list of tags', () => {
  test('is gathered from all pages of upstream', async () => {
    bench.upstream.tagPages
      .set(undefined, { tags: ['a', 'b'], next: { n: 2, last: 'b' } })
      .set('b', { tags: ['c', 'd'], next: { n: 2, last: 'd' } })
      .set('d', { tags: ['e'], next: undefined });
    expect((await list()).tags).toEqual(['a', 'b', 'c', 'd', 'e']);
    expect(bench.upstream.asked).toEqual(['TAGS library/a', 'TAGS library/a after b', 'TAGS library/a after d']);
  });

  function havePages(count: number): void {
    for (let page = 0; page < count; page++) {
      const next = page === count - 1 ? undefined : { n: 1, last: `t${page}` };
      bench.upstream.tagPages.set(page === 0 ? undefined : `t${page - 1}`, { tags: [`t${page}`], next });
    }
  }

  test('of a hundred pages is given, of more is refused', async () => {
    havePages(100);
    expect((await list()).tags).toHaveLength(100);
    havePages(101);
    bench.clock.advance(minute);
    bench.recent.isFailing = true;
    expect(await failureOf(list())).toMatchObject({ kind: 'upstream-failed' });
  });

  test('of more than 32 MiB in all is refused, whether its tags are long or many', async () => {
    const long = ['x'.repeat(1024 * 1024)];
    const many = Array.from({ length: 64 * 1024 }, () => '');
    for (const [index, tags] of [long, many].entries()) {
      const pageOf = (page: number) => (page === 0 ? undefined : `t${page}`);
      for (let page = 0; page < 33; page++) {
        bench.upstream.tagPages.set(pageOf(page), {
          tags,
          next: page === 32 ? undefined : { n: 1, last: `t${page + 1}` },
        });
      }
      bench.upstream.asked.length = 0;
      expect(await failureOf(list({}, `library/${index}`))).toMatchObject({ kind: 'upstream-failed' });
      expect(bench.upstream.asked.length).toBeGreaterThan(30);
    }
  });

  test('of which one page fails is a failure, never part of a list', async () => {
    bench.upstream.tagPages.set(undefined, { tags: ['a'], next: { n: 1, last: 'a' } });
    expect(await failureOf(list())).toBeDefined();
  });

  test('is kept for its time and fetched anew after it', async () => {
    haveTags('a');
    await list();
    haveTags('b');
    bench.clock.advance(minute - 1);
    expect(await list()).toMatchObject({ outcome: 'hit', tags: ['a'], warning: undefined });
    expect(bench.upstream.asked).toHaveLength(1);
    bench.clock.advance(1);
    expect(await list()).toMatchObject({ outcome: 'miss', tags: ['b'] });
  });

  test('is the old one, with a warning, in an outage, and the new one after it', async () => {
    haveTags('a');
    await list();
    bench.clock.advance(10 * minute);
    goOffline();
    const stale = await list();
    expect(stale).toMatchObject({ outcome: 'stale', tags: ['a'] });
    expect(stale.warning).toEqual(expect.any(String));
    bench.upstream.failure = undefined;
    haveTags('b');
    expect(await list()).toMatchObject({ outcome: 'miss', tags: ['b'] });
  });

  test('that nobody has asked for is an error in an outage', async () => {
    goOffline();
    expect(await failureOf(list())).toMatchObject({ kind: 'upstream-failed' });
  });

  test.each([unknown('manifest-unknown'), denied()])(
    'that upstream refuses is unknown, and stays so',
    async (error) => {
      haveTags('a');
      await list();
      bench.clock.advance(minute);
      bench.upstream.failure = error;
      expect(await failureOf(list())).toMatchObject({ kind: 'manifest-unknown' });
      goOffline();
      expect(await failureOf(list())).toMatchObject({ kind: 'upstream-failed' });
    },
  );

  test('is fetched once for fifty clients, one for each repository', async () => {
    haveTags('a');
    await Promise.all(Array.from({ length: 50 }, async () => await list()));
    await list({}, 'library/b');
    expect(bench.upstream.asked).toEqual(['TAGS library/a', 'TAGS library/b']);
  });

  test('is fetched each time while the cache of answers fails', async () => {
    bench.recent.isFailing = true;
    haveTags('a');
    await list();
    expect(await list()).toMatchObject({ outcome: 'miss', tags: ['a'] });
  });
});
