import { describe, expect, test } from '@jest/globals';
import type { Catalog } from '../../../src/store/catalog.ts';
import { childOf, manifestType, named, noType, useCatalogs } from './catalog-bench.ts';

const { use } = useCatalogs();
const app = { upstream: 'docker.io', repository: 'org/app' };
const other = { upstream: 'docker.io', repository: 'org/other' };

function add(catalog: Catalog, name: string, children: readonly string[]): void {
  void catalog.addContent(named(name), manifestType);
  void catalog.setChildren(
    named(name).digest,
    children.map((child) => childOf(child)),
  );
}

const setTag = (catalog: Catalog, id: typeof app, tag: string, name: string) =>
  catalog.setTag(id, tag, { digest: named(name).digest, checkedMs: 1, etag: undefined });

async function fill(catalog: Catalog): Promise<void> {
  void catalog.addContent(named('layer'), noType);
  add(catalog, 'image', ['layer']);
  add(catalog, 'index', ['image']);
  void setTag(catalog, app, 'v1', 'index');
  void setTag(catalog, app, 'v1-amd64', 'image');
  await setTag(catalog, other, 'elsewhere', 'image');
}

const leading = (catalog: Catalog, name: string) => catalog.listTagsLeadingTo(app, named(name).digest).toSorted();

function expectAll(catalog: Catalog): void {
  expect(leading(catalog, 'layer')).toEqual(['v1', 'v1-amd64']);
  expect(leading(catalog, 'image')).toEqual(['v1', 'v1-amd64']);
  expect(leading(catalog, 'index')).toEqual(['v1']);
  expect(leading(catalog, 'nothing')).toEqual([]);
}

describe('the tags that lead to content', () => {
  test('are found by way of images and indexes, on their way to the disk, on it and after a restart', async () => {
    await use(async (catalog) => {
      const written = fill(catalog);
      expectAll(catalog);
      await written;
      expectAll(catalog);
    });
    await use(expectAll);
  });

  test('are found where one part is on the disk and another on its way', () =>
    use(async (catalog) => {
      await fill(catalog);
      add(catalog, 'newer', ['image']);
      void setTag(catalog, app, 'v2', 'newer');
      expect(leading(catalog, 'layer')).toEqual(['v1', 'v1-amd64', 'v2']);
      add(catalog, 'newest', ['newer']);
      void setTag(catalog, app, 'v2', 'newest');
      expect(leading(catalog, 'layer')).toEqual(['v1', 'v1-amd64', 'v2']);
      expect(leading(catalog, 'newest')).toEqual(['v2']);
    }));

  test('are not those that have moved or gone', () =>
    use(async (catalog) => {
      await fill(catalog);
      add(catalog, 'unrelated', []);
      void setTag(catalog, app, 'v1', 'unrelated');
      void catalog.removeTag(app, 'v1-amd64');
      expect(leading(catalog, 'layer')).toEqual([]);
    }));
});
