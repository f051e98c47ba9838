import { describe, expect, test } from '@jest/globals';
import type { Digest } from '../../../src/oci/digest.ts';
import type { Pin } from '../../../src/oci/pin.ts';
import { mediaTypes } from '../../../src/oci/media-type.ts';
import type { BrowsedImage, ImageOrder, ImageQuery, RepositoryQuery } from '../../../src/store/browse-protocol.ts';
import type { Catalog } from '../../../src/store/catalog.ts';
import type { CatalogBrowse } from '../../../src/store/catalog-browse.ts';
import { childOf, manifestType, named, noType, startMs, useCatalogs } from './catalog-bench.ts';

const catalogs = useCatalogs();
const indexType = { mediaType: mediaTypes.ociIndex };
const alpine = { upstream: 'docker.io', repository: 'library/alpine' };
const app = { upstream: 'ghcr.io', repository: 'org/app' };
const everything: ImageQuery = {
  search: undefined,
  upstream: undefined,
  repository: undefined,
  order: 'name',
  after: undefined,
  limit: 50,
};
const repositories: RepositoryQuery = { search: undefined, upstream: undefined, after: undefined, limit: 50 };

/** A manifest that lists these parts, of which those named `absent …` are not here. */
function addImage(catalog: Catalog, name: string, parts: readonly (readonly [string, number])[], facts = manifestType) {
  void catalog.addContent(named(name, 10), facts);
  void catalog.setChildren(
    named(name).digest,
    parts.map(([part, sizeBytes]) => childOf(part, sizeBytes)),
  );
  if (facts === indexType) return;
  for (const [part, sizeBytes] of parts) {
    if (!part.startsWith('absent')) void catalog.addContent(named(part, sizeBytes), noType);
  }
}

function setTag(catalog: Catalog, repository: typeof alpine, tag: string, name: string): void {
  void catalog.setTag(repository, tag, { digest: named(name).digest, checkedMs: startMs, etag: undefined });
  void catalog.addLink(repository, named(name).digest);
}

function use(run: (catalog: Catalog, browse: CatalogBrowse) => Promise<void>): Promise<void> {
  return catalogs.use((catalog, _state, browse) => run(catalog, browse));
}

const nameOf = ({ upstream, repository, tag }: Pick<BrowsedImage, 'upstream' | 'repository' | 'tag'>): string =>
  `${upstream}/${repository}:${tag}`;

async function names(browse: CatalogBrowse, query: Partial<ImageQuery> = {}): Promise<readonly string[]> {
  return (await browse.listImages({ ...everything, ...query })).items.map(nameOf);
}

/** All pages of this length, one after the other. */
async function namesByPage(browse: CatalogBrowse, query: Partial<ImageQuery>, limit: number) {
  const found: string[] = [];
  let after: ImageQuery['after'];
  for (;;) {
    const page = await browse.listImages({ ...everything, ...query, after, limit });
    expect(page.items.length).toBeLessThanOrEqual(limit);
    found.push(...page.items.map(nameOf));
    after = page.items.at(-1)?.position;
    if (!page.hasMore) return found;
  }
}

describe('the list of images', () => {
  test('shows what each consists of, also what was written a moment ago', () =>
    use(async (catalog, browse) => {
      addImage(catalog, 'one', [
        ['config', 5],
        ['layer', 100],
        ['absent layer', 1000],
      ]);
      setTag(catalog, alpine, '3.20', 'one');
      catalogs.clock().advance(5000);
      catalog.touchContent(named('one').digest);
      const { items, hasMore } = await browse.listImages(everything);
      expect(hasMore).toBe(false);
      expect(items).toEqual([
        {
          ...alpine,
          tag: '3.20',
          digest: named('one').digest,
          mediaType: manifestType.mediaType,
          provenance: 'public',
          sizeBytes: 1105,
          cachedBytes: 105,
          hits: 1,
          lastUsedMs: startMs + 5000,
          checkedMs: startMs,
          isPinned: false,
          position: { ...alpine, tag: '3.20', digest: named('one').digest, value: 0 },
        },
      ]);
    }));

  test('counts of an index what its manifests list, each object once and only of those that are here', () =>
    use(async (catalog, browse) => {
      addImage(
        catalog,
        'index',
        [
          ['amd', 10],
          ['arm', 10],
          ['absent riscv', 10],
        ],
        indexType,
      );
      setTag(catalog, alpine, 'latest', 'index');
      const sizes = async () => {
        const [{ sizeBytes, cachedBytes } = { sizeBytes: -1, cachedBytes: -1 }] = (await browse.listImages(everything))
          .items;
        expect(await browse.sizesOf(named('index').digest)).toEqual({ sizeBytes, cachedBytes });
        // What it is sorted by is what it shows.
        const [bySize] = (await browse.listImages({ ...everything, order: 'size' })).items;
        expect(bySize?.position.value).toBe(sizeBytes);
        return [sizeBytes, cachedBytes];
      };
      expect(await sizes()).toEqual([0, 0]);
      addImage(catalog, 'amd', [
        ['shared', 100],
        ['for amd', 20],
      ]);
      expect(await sizes()).toEqual([120, 120]);
      addImage(catalog, 'arm', [
        ['shared', 100],
        ['absent for arm', 3],
      ]);
      expect(await sizes()).toEqual([123, 120]);
      await catalog.removeContent(named('shared').digest);
      expect(await sizes()).toEqual([123, 20]);
      await catalog.removeContent(named('amd').digest);
      expect(await sizes()).toEqual([103, 0]);
    }));

  test('leaves out tags whose manifest is not here', () =>
    use(async (catalog, browse) => {
      addImage(catalog, 'one', []);
      void catalog.addContent(named('no manifest'), noType);
      setTag(catalog, alpine, 'a', 'one');
      setTag(catalog, alpine, 'b', 'gone');
      setTag(catalog, alpine, 'c', 'no manifest');
      for (const order of ['name', 'used', 'size', 'hits'] as const) {
        expect(await names(browse, { order })).toEqual(['docker.io/library/alpine:a']);
        expect(await names(browse, { order, search: 'alpine' })).toEqual(['docker.io/library/alpine:a']);
      }
    }));

  const manyOrders: readonly ImageOrder[] = ['name', 'used', 'size', 'hits'];
  test.each(manyOrders)('is whole and in order page by page when it is sorted by %s', (order) =>
    use(async (catalog, browse) => {
      for (let n = 0; n < 12; n += 1) {
        // Equal ones among them, and several tags of one manifest.
        addImage(catalog, `image ${n}`, [[`layer ${n % 5}`, 10 * (n % 5)]]);
        for (const tag of ['a', 'b']) setTag(catalog, n % 2 === 0 ? alpine : app, `${tag}${n}`, `image ${n}`);
        for (let hit = 0; hit < n % 4; hit += 1) catalog.touchContent(named(`image ${n}`).digest);
        if (n % 3 === 0) catalogs.clock().advance(2000);
      }
      await catalog.addPin({ type: 'digest', digest: named('image 7').digest });
      const whole = (await browse.listImages({ ...everything, order })).items;
      expect(whole).toHaveLength(24);
      const key = { name: nameOf, used: byNumber('lastUsedMs'), size: byNumber('sizeBytes'), hits: byNumber('hits') }[
        order
      ];
      expect(whole.map(key)).toEqual(whole.map(key).toSorted());
      for (const limit of [1, 5, 24]) {
        expect(await namesByPage(browse, { order }, limit)).toEqual(whole.map(nameOf));
        const some = whole.filter(({ upstream }) => upstream === 'ghcr.io').map(nameOf);
        expect(await namesByPage(browse, { order, upstream: 'ghcr.io' }, limit)).toEqual(some);
      }
    }),
  );

  test('walks through matches where they are many as it sorts them where they are few', () =>
    use(async (catalog, browse) => {
      for (let n = 0; n < 3100; n += 1) {
        if (n % 100 === 0) addImage(catalog, `image ${n}`, [[`layer ${n}`, n]]);
        setTag(catalog, alpine, `v${n}`, `image ${n - (n % 100)}`);
      }
      const all = await namesByPage(browse, { order: 'size', search: 'ALPINE' }, 200);
      expect(new Set(all).size).toBe(3100);
      expect(all[0]).toBe('docker.io/library/alpine:v3000');
      expect(await names(browse, { order: 'size', search: 'alpine:v30', limit: 3 })).toEqual(all.slice(0, 3));
      expect(await names(browse, { order: 'size', search: 'alpine', limit: 3 })).toEqual(all.slice(0, 3));
    }));

  test.each([
    ['alpine', ['docker.io/library/alpine:3.20', 'docker.io/library/alpine:Under_score']],
    ['IO/LIBRARY/', ['docker.io/library/alpine:3.20', 'docker.io/library/alpine:Under_score']],
    ['app:v1', ['ghcr.io/org/app:v1.0']],
    ['under_', ['docker.io/library/alpine:Under_score']],
    ['_', ['docker.io/library/alpine:Under_score']],
    ['%', []],
    ['a%e', []],
    ['v1_0', []],
    [`' OR 1=1 --`, []],
    [`"`, []],
    ['*', []],
    ['\\', []],
    ['\0', []],
    ['é', []],
  ])('finds %j as text', (search, expected) =>
    use(async (catalog, browse) => {
      addImage(catalog, 'one', [['layer', 1]]);
      setTag(catalog, alpine, '3.20', 'one');
      setTag(catalog, alpine, 'Under_score', 'one');
      setTag(catalog, app, 'v1.0', 'one');
      for (const order of manyOrders) expect((await names(browse, { order, search })).toSorted()).toEqual(expected);
    }),
  );

  test('is narrowed to an upstream and a repository', () =>
    use(async (catalog, browse) => {
      addImage(catalog, 'one', []);
      setTag(catalog, alpine, 'a', 'one');
      setTag(catalog, { ...app, upstream: 'docker.io' }, 'b', 'one');
      setTag(catalog, app, 'c', 'one');
      for (const order of manyOrders) {
        expect(await names(browse, { order, upstream: 'ghcr.io' })).toEqual(['ghcr.io/org/app:c']);
        expect(await names(browse, { order, repository: 'org/app' })).toHaveLength(2);
        expect(await names(browse, { order, ...app })).toEqual(['ghcr.io/org/app:c']);
        expect(await names(browse, { order, upstream: 'quay.io' })).toEqual([]);
      }
    }));
});

/** As text that sorts the most first. */
function byNumber(field: 'lastUsedMs' | 'sizeBytes' | 'hits'): (image: BrowsedImage) => string {
  return (image) => String(1e15 - image[field]).padStart(16, '0');
}

describe('the list of repositories', () => {
  test('tells how many tags each has and when it was used last', () =>
    use(async (catalog, browse) => {
      addImage(catalog, 'one', []);
      catalogs.clock().advance(5000);
      addImage(catalog, 'two', []);
      setTag(catalog, alpine, 'a', 'one');
      setTag(catalog, alpine, 'b', 'two');
      setTag(catalog, alpine, 'c', 'gone');
      // By digest only, or not any more.
      void catalog.addLink(app, named('one').digest);
      void catalog.addLink({ ...app, repository: 'org/gone' }, named('gone').digest);
      const { items, hasMore } = await browse.listRepositories(repositories);
      expect(hasMore).toBe(false);
      expect(items).toEqual([
        { ...alpine, tags: 2, lastUsedMs: startMs + 5000 },
        { ...app, tags: 0, lastUsedMs: startMs },
      ]);
    }));

  test('is whole page by page, in the order of the names', () =>
    use(async (catalog, browse) => {
      addImage(catalog, 'one', []);
      const ids = ['b/a', 'b', 'a', 'b-c', 'b.c/d', 'c'].flatMap((repository) =>
        ['docker.io', 'docker.io:443'].map((upstream) => ({ upstream, repository })),
      );
      for (const id of ids) setTag(catalog, id, 'latest', 'one');
      const whole = (await browse.listRepositories(repositories)).items;
      expect(whole).toHaveLength(ids.length);
      const found: unknown[] = [];
      let after: RepositoryQuery['after'];
      for (let more = true; more;) {
        const page = await browse.listRepositories({ ...repositories, after, limit: 2 });
        found.push(...page.items);
        after = page.items.at(-1);
        more = page.hasMore;
      }
      expect(found).toEqual(whole);
      const keys = whole.map(({ upstream, repository }) => `${upstream} ${repository}`);
      expect(keys).toEqual(keys.toSorted());
    }));

  test('is narrowed by text and upstream', () =>
    use(async (catalog, browse) => {
      addImage(catalog, 'one', []);
      for (const id of [alpine, app]) setTag(catalog, id, 'latest', 'one');
      const find = async (query: Partial<RepositoryQuery>) =>
        (await browse.listRepositories({ ...repositories, ...query })).items.map(({ repository }) => repository);
      expect(await find({ search: 'ORG' })).toEqual(['org/app']);
      expect(await find({ search: 'io/lib' })).toEqual(['library/alpine']);
      expect(await find({ search: 'latest' })).toEqual([]);
      expect(await find({ search: '%' })).toEqual([]);
      expect(await find({ upstream: 'ghcr.io' })).toEqual(['org/app']);
    }));
});

describe('who else has an object', () => {
  const sharedBy = async (browse: CatalogBrowse, tag: string | undefined, digests: readonly Digest[]) =>
    (await browse.findSharing({ ...alpine, tag, digest: named('one').digest }, digests)).map(({ images, count }) => {
      expect(images).toHaveLength(Math.min(20, count));
      return images.map(nameOf);
    });

  test('is every other tag that leads to it, also by way of an index', () =>
    use(async (catalog, browse) => {
      addImage(catalog, 'one', [
        ['base', 1],
        ['own', 1],
      ]);
      addImage(catalog, 'two', [['base', 1]]);
      addImage(catalog, 'index', [['two', 1]], indexType);
      setTag(catalog, alpine, '1', 'one');
      setTag(catalog, alpine, '1.0', 'one');
      setTag(catalog, app, 'v2', 'index');
      const digests = [named('base').digest, named('own').digest, named('nowhere').digest];
      expect(await sharedBy(browse, '1', digests)).toEqual([
        ['docker.io/library/alpine:1.0', 'ghcr.io/org/app:v2'],
        ['docker.io/library/alpine:1.0'],
        [],
      ]);
      expect(await sharedBy(browse, undefined, digests)).toEqual([['ghcr.io/org/app:v2'], [], []]);
    }));

  test('is counted, and named as far as twenty', () =>
    use(async (catalog, browse) => {
      for (let n = 0; n < 30; n += 1) {
        addImage(catalog, `image ${n}`, [['base', 1]]);
        setTag(catalog, app, `v${String(n).padStart(2, '0')}`, `image ${n}`);
      }
      const [sharing] = await browse.findSharing({ ...alpine, tag: 'x', digest: named('x').digest }, [
        named('base').digest,
      ]);
      expect(sharing).toMatchObject({ count: 30 });
      expect(sharing?.images.map(({ tag }) => tag)).toEqual(
        Array.from({ length: 20 }, (_, n) => `v${String(n).padStart(2, '0')}`),
      );
    }));
});

describe('what can go with a manifest', () => {
  const nameOfDigest = new Map(
    ['index', 'one', 'two', 'base', 'own', 'deep', 'other', 'foot'].map((name) => [named(name).digest, name]),
  );
  const plan = async (browse: CatalogBrowse, name: string, pins: readonly Pin[] = [], tags: readonly string[] = []) => {
    const { removed, kept } = await browse.planPurge({ digest: named(name).digest, repository: app, tags, pins });
    return { removed: removed.map((digest) => nameOfDigest.get(digest)), kept };
  };
  const fill = (catalog: Catalog): void => {
    addImage(catalog, 'one', [
      ['base', 1],
      ['own', 1],
      ['absent', 1],
    ]);
    addImage(catalog, 'two', [
      ['base', 1],
      ['deep', 1],
    ]);
    addImage(
      catalog,
      'index',
      [
        ['one', 1],
        ['two', 1],
        ['absent manifest', 1],
      ],
      indexType,
    );
  };

  test('is all that it leads to and that is here, manifests first', () =>
    use(async (catalog, browse) => {
      fill(catalog);
      const { removed, kept } = await plan(browse, 'index');
      expect(kept).toBe(0);
      expect(removed[0]).toBe('index');
      expect(new Set(removed.slice(1, 3))).toEqual(new Set(['one', 'two']));
      expect(new Set(removed.slice(3))).toEqual(new Set(['base', 'deep', 'own']));
      expect(await plan(browse, 'nowhere')).toEqual({ removed: [], kept: 0 });
    }));

  test('is nothing while a tag leads to it', () =>
    use(async (catalog, browse) => {
      fill(catalog);
      setTag(catalog, app, 'latest', 'index');
      expect(await plan(browse, 'index')).toEqual({ removed: [], kept: 6 });
      expect(await plan(browse, 'two')).toEqual({ removed: [], kept: 3 });
    }));

  test('is not held by tags that go with it', () =>
    use(async (catalog, browse) => {
      fill(catalog);
      setTag(catalog, app, 'latest', 'index');
      setTag(catalog, app, 'v1', 'index');
      expect(await plan(browse, 'index', [], ['latest'])).toMatchObject({ kept: 6 });
      expect(await plan(browse, 'index', [], ['latest', 'v1'])).toMatchObject({ kept: 0 });
      setTag(catalog, alpine, 'latest', 'index');
      expect(await plan(browse, 'index', [], ['latest', 'v1'])).toMatchObject({ kept: 6 });
    }));

  test('leaves what manifests that stay list, and what those of them list that are tagged', () =>
    use(async (catalog, browse) => {
      fill(catalog);
      addImage(catalog, 'other', [['base', 1]]);
      expect(await plan(browse, 'one')).toEqual({ removed: [], kept: 3 });
      setTag(catalog, app, 'v1', 'two');
      const { removed, kept } = await plan(browse, 'index');
      expect(removed).toEqual(['index', 'one', 'own']);
      expect(kept).toBe(3);
    }));

  test('leaves what other pins hold', () =>
    use(async (catalog, browse) => {
      fill(catalog);
      void catalog.addLink(app, named('own').digest);
      void catalog.addLink(alpine, named('deep').digest);
      const digest: Pin = { type: 'digest', digest: named('two').digest };
      expect((await plan(browse, 'index', [digest])).removed).toEqual(['index', 'one', 'own']);
      const whole: Pin = { type: 'image', upstream: 'ghcr.io', repository: 'org/*', tag: undefined };
      expect(await plan(browse, 'index', [whole])).toMatchObject({ kept: 1 });
      // Nothing has such a tag.
      const tagged: Pin = { ...whole, tag: 'v1' };
      expect(await plan(browse, 'index', [tagged])).toMatchObject({ kept: 0 });
    }));
});

test('restricted content leaves through the repositories with a link, the first twenty by name', () =>
  use(async (catalog, browse) => {
    addImage(catalog, 'one', []);
    const { digest } = named('one');
    expect(await browse.findLinks(digest)).toEqual({ repositories: [], count: 0 });
    for (let n = 24; n >= 0; n--) void catalog.addLink({ ...alpine, repository: `team/r${10 + n}` }, digest);
    const { repositories, count } = await browse.findLinks(digest);
    expect(count).toBe(25);
    expect(repositories.map(({ repository }) => repository)).toEqual(
      Array.from({ length: 20 }, (_, n) => `team/r${10 + n}`),
    );
  }));

test('what a manifest has to do with a repository is its tags there, and links', () =>
  use(async (catalog, browse) => {
    addImage(catalog, 'one', []);
    const find = async () => await browse.findBelonging(alpine, named('one').digest);
    expect(await find()).toEqual({ tags: [], isLinked: false, isLinkedElsewhere: false });
    void catalog.addLink(app, named('one').digest);
    expect(await find()).toEqual({ tags: [], isLinked: false, isLinkedElsewhere: true });
    setTag(catalog, alpine, 'a', 'one');
    setTag(catalog, alpine, 'b', 'one');
    setTag(catalog, app, 'c', 'one');
    expect(await find()).toEqual({ tags: ['a', 'b'], isLinked: true, isLinkedElsewhere: true });
  }));
