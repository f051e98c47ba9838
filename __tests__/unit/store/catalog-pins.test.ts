import { describe, expect, test } from '@jest/globals';
import type { Pin } from '../../../src/oci/pin.ts';
import type { Catalog } from '../../../src/store/catalog.ts';
import { childOf, kindOf, manifestType, named, noType, useCatalogs } from './catalog-bench.ts';

const catalogs = useCatalogs();
const alpine = { upstream: 'docker.io', repository: 'library/alpine' };
const debian = { upstream: 'docker.io', repository: 'library/debian' };
const app = { upstream: 'ghcr.io', repository: 'org/app' };

const image = (upstream: string, repository: string, tag?: string): Pin => ({
  type: 'image',
  upstream,
  repository,
  tag,
});
const digest = (name: string): Pin => ({ type: 'digest', digest: named(name).digest });

/** Layers, manifests of one layer each, and an index of two of them; tags and links as pulls make them. */
async function fill(catalog: Catalog): Promise<void> {
  for (const name of ['a', 'b', 'c']) {
    void catalog.addContent(named(`${name} layer`), noType);
    void catalog.addContent(named(name), manifestType);
    void catalog.setChildren(named(name).digest, [childOf(`${name} layer`), childOf('not here')]);
  }
  void catalog.addContent(named('index'), manifestType);
  void catalog.setChildren(named('index').digest, [childOf('a'), childOf('b')]);
  await catalog.addContent(named('alone'), noType);
}

async function setTag(catalog: Catalog, repository: typeof alpine, tag: string, name: string): Promise<void> {
  await catalog.setTag(repository, tag, { digest: named(name).digest, checkedMs: 1, etag: undefined });
  await catalog.addLink(repository, named(name).digest);
}

/** The names of what is pinned. */
function pinned(catalog: Catalog): readonly string[] {
  const names = ['a', 'a layer', 'alone', 'b', 'b layer', 'c', 'c layer', 'index'];
  const found = names.filter((name) => kindOf(catalog, name) === 'pinned');
  expect(catalog.totalsByKind().pinned).toEqual({ objects: found.length, bytes: found.length * 100 });
  return found;
}

describe('a pin', () => {
  test('of a digest keeps it and all that it lists, and what those list', () =>
    catalogs.use(async (catalog) => {
      await fill(catalog);
      await catalog.addPin(digest('index'));
      expect(pinned(catalog)).toEqual(['a', 'a layer', 'b', 'b layer', 'index']);
      await catalog.addPin(digest('alone'));
      await catalog.addPin(digest('absent'));
      expect(pinned(catalog)).toEqual(['a', 'a layer', 'alone', 'b', 'b layer', 'index']);
      await catalog.removePin(digest('index'));
      expect(pinned(catalog)).toEqual(['alone']);
      expect(kindOf(catalog, 'index')).toBe('manifest');
      expect(kindOf(catalog, 'a layer')).toBe('once');
    }));

  test('of a tag keeps what it points to, also by patterns in either part, and nothing else', () =>
    catalogs.use(async (catalog) => {
      await fill(catalog);
      await setTag(catalog, alpine, '3.20', 'a');
      await setTag(catalog, alpine, '3.21', 'b');
      await setTag(catalog, app, '3.20', 'c');
      const cases: readonly (readonly [Pin, readonly string[]])[] = [
        [image('docker.io', 'library/alpine', '3.20'), ['a', 'a layer']],
        [image('docker.io', 'library/alpine', '3.*'), ['a', 'a layer', 'b', 'b layer']],
        [image('docker.io', 'library/*', '*.21'), ['b', 'b layer']],
        [image('ghcr.io', '*', '3.20'), ['c', 'c layer']],
        [image('ghcr.io', 'library/alpine', '3.20'), []],
        [image('docker.io', 'library/alpine', '3'), []],
        [image('docker.io', 'alpine', '3.20'), []],
      ];
      for (const [pin, expected] of cases) {
        await catalog.addPin(pin);
        expect(pinned(catalog)).toEqual(expected);
        await catalog.removePin(pin);
        expect(pinned(catalog)).toEqual([]);
      }
    }));

  test('of a repository keeps all its tags and what was pulled by digest', () =>
    catalogs.use(async (catalog) => {
      await fill(catalog);
      await setTag(catalog, alpine, 'latest', 'a');
      await catalog.addLink(alpine, named('b').digest);
      await catalog.addLink(debian, named('c').digest);
      await catalog.addLink(app, named('alone').digest);
      await catalog.addPin(image('docker.io', 'library/alpine', '*'));
      expect(pinned(catalog)).toEqual(['a', 'a layer']);
      await catalog.addPin(image('docker.io', 'library/alpine'));
      expect(pinned(catalog)).toEqual(['a', 'a layer', 'b', 'b layer']);
      await catalog.addPin(image('docker.io', '*'));
      expect(pinned(catalog)).toEqual(['a', 'a layer', 'b', 'b layer', 'c', 'c layer']);
      await catalog.addPin(image('ghcr.io', 'org/*'));
      expect(pinned(catalog)).toContain('alone');
    }));

  test('follows a tag that moves, and content that comes, when pins are applied', () =>
    catalogs.use(
      async (catalog) => {
        await fill(catalog);
        await setTag(catalog, alpine, 'latest', 'a');
        await catalog.applyPins();
        expect(pinned(catalog)).toEqual(['a', 'a layer']);
        await setTag(catalog, alpine, 'latest', 'b');
        await catalog.setChildren(named('b').digest, [childOf('alone')]);
        await catalog.applyPins();
        expect(pinned(catalog)).toEqual(['alone', 'b']);
        await catalog.removeTag(alpine, 'latest');
        await catalog.applyPins();
        expect(pinned(catalog)).toEqual([]);
      },
      [image('docker.io', 'library/alpine', 'latest')],
    ));

  test('keeps its content through a replacement, and its content comes back pinned after a removal', () =>
    catalogs.use(async (catalog) => {
      await fill(catalog);
      await catalog.addPin(digest('alone'));
      await catalog.addContent(named('alone', 300), noType);
      expect(catalog.totalsByKind().pinned).toEqual({ objects: 1, bytes: 300 });
      await catalog.removeContent(named('alone').digest);
      expect(catalog.totalsByKind().pinned).toEqual({ objects: 0, bytes: 0 });
      await catalog.addContent(named('alone'), noType);
      await catalog.applyPins();
      expect(pinned(catalog)).toEqual(['alone']);
    }));

  test('is no use: what it kept is as it was when it goes', () =>
    catalogs.use(async (catalog) => {
      await fill(catalog);
      const before = ['a', 'a layer'].map((name) => catalog.findContent(named(name).digest));
      await catalog.addPin(digest('a'));
      await catalog.removePin(digest('a'));
      expect(['a', 'a layer'].map((name) => catalog.findContent(named(name).digest))).toEqual(before);
    }));
});

describe('pins', () => {
  test('of operators survive a restart, those of the configuration live and die with it', async () => {
    const configured = [digest('c')];
    await catalogs.use(async (catalog) => {
      await fill(catalog);
      await catalog.addPin(digest('alone'));
      await catalog.addPin(digest('alone'));
      await catalog.addPin(digest('b'));
      await catalog.removePin(digest('b'));
      expect(catalog.listPins()).toEqual([digest('alone')]);
      expect(pinned(catalog)).toEqual(['alone', 'c', 'c layer']);
    }, configured);
    await catalogs.use(async (catalog) => {
      expect(catalog.listPins()).toEqual([digest('alone')]);
      await catalog.applyPins();
      expect(pinned(catalog)).toEqual(['alone']);
      // The operator does not take away what the configuration says.
      await catalog.removePin(digest('c'));
    });
    await catalogs.use(async (catalog) => {
      await catalog.applyPins();
      expect(pinned(catalog)).toEqual(['alone', 'c', 'c layer']);
    }, configured);
  });

  test('that are the last to go leave nothing pinned', async () => {
    await catalogs.use(
      async (catalog) => {
        await fill(catalog);
        await catalog.applyPins();
        expect(pinned(catalog)).toEqual(['alone']);
      },
      [digest('alone')],
    );
    await catalogs.use(async (catalog) => {
      expect(pinned(catalog)).toEqual(['alone']);
      await catalog.applyPins();
      expect(pinned(catalog)).toEqual([]);
    });
  });
});
