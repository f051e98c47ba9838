import { expect, test } from '@jest/globals';
import { rm } from 'node:fs/promises';
import fc from 'fast-check';
import type { Digest } from '../../../src/oci/digest.ts';
import { contentKinds, type Catalog, type ContentKind } from '../../../src/store/catalog.ts';
import { childOf, flushed, manifestType, named, noType, startMs, useCatalogs } from './catalog-bench.ts';

const catalogs = useCatalogs();

const names = ['a', 'b', 'c', 'd', 'e'] as const;
type Name = (typeof names)[number];

/** What the catalog should know, in the plainest form. */
interface Row {
  sizeBytes: number;
  provenance: 'public' | 'restricted';
  isManifest: boolean;
  isReused: boolean;
  isPinned: boolean;
  hits: number;
}

class Model {
  readonly rows = new Map<Name, Row>();
  readonly children = new Map<Name, readonly Name[]>();
  readonly pins = new Set<Name>();

  kind(name: Name): ContentKind | undefined {
    const row = this.rows.get(name);
    if (row === undefined) return undefined;
    if (row.isPinned) return 'pinned';
    return row.isManifest ? 'manifest' : row.isReused ? 'reused' : 'once';
  }

  /** The children and their children. */
  below(name: Name): ReadonlySet<Name> {
    const children = this.children.get(name) ?? [];
    return new Set([...children, ...children.flatMap((child) => this.children.get(child) ?? [])]);
  }

  applyPins(): void {
    const kept = new Set<Name>(this.pins);
    for (const name of kept) for (const child of this.children.get(name) ?? []) kept.add(child);
    for (const [name, row] of this.rows) row.isPinned = kept.has(name);
  }

  totals(): Record<ContentKind, { objects: number; bytes: number }> {
    const totals = Object.fromEntries(contentKinds.map((kind) => [kind, { objects: 0, bytes: 0 }])) as ReturnType<
      Model['totals']
    >;
    for (const [name, { sizeBytes }] of this.rows) {
      const kind = this.kind(name);
      if (kind === undefined) continue;
      totals[kind].objects += 1;
      totals[kind].bytes += sizeBytes;
    }
    return totals;
  }
}

interface Step {
  readonly type: 'add' | 'promote' | 'remove' | 'touch' | 'children' | 'pin' | 'unpin' | 'flush' | 'reopen';
  readonly name: Name;
  readonly other: Name;
  readonly size: number;
  readonly flag: boolean;
}

const step: fc.Arbitrary<Step> = fc.record({
  type: fc.constantFrom('add', 'add', 'promote', 'remove', 'touch', 'children', 'pin', 'unpin', 'flush', 'reopen'),
  name: fc.constantFrom(...names),
  other: fc.constantFrom(...names),
  size: fc.integer({ min: 0, max: 1000 }),
  flag: fc.boolean(),
});

function digestOf(name: Name): Digest {
  return named(name).digest;
}

async function act(catalog: Catalog, model: Model, { type, name, other, size, flag }: Step): Promise<void> {
  const row = model.rows.get(name);
  switch (type) {
    case 'add': {
      const provenance = size % 2 === 0 ? 'public' : 'restricted';
      void catalog.addContent({ ...named(name, size), provenance }, flag ? manifestType : noType);
      const kept = row ?? { isReused: false, isPinned: false, hits: 0 };
      model.rows.set(name, { ...kept, sizeBytes: size, provenance, isManifest: flag });
      return;
    }
    case 'promote':
      void catalog.promoteContent(digestOf(name));
      if (row !== undefined) row.provenance = 'public';
      return;
    case 'remove':
      void catalog.removeContent(digestOf(name));
      model.rows.delete(name);
      model.children.delete(name);
      return;
    case 'touch': {
      catalog.touchContent(digestOf(name));
      await flushed(catalog);
      for (const used of [name, ...model.below(name)]) {
        const usedRow = model.rows.get(used);
        if (usedRow !== undefined) usedRow.isReused = true;
      }
      if (row !== undefined) row.hits += 1;
      return;
    }
    case 'children':
      // Of content only: what is known of content that is not here ends at the next start.
      if (row === undefined) return;
      void catalog.setChildren(digestOf(name), [childOf(other)]);
      model.children.set(name, [other]);
      return;
    case 'pin':
    case 'unpin':
      if (type === 'pin') model.pins.add(name);
      else model.pins.delete(name);
      await catalog[type === 'pin' ? 'addPin' : 'removePin']({ type: 'digest', digest: digestOf(name) });
      model.applyPins();
      return;
    case 'flush':
    case 'reopen':
      await flushed(catalog);
  }
}

async function compare(catalog: Catalog, model: Model): Promise<void> {
  const totals = model.totals();
  const all = Object.values(totals);
  const sum = (of: 'objects' | 'bytes') => all.reduce((before, one) => before + one[of], 0);
  // At once, whatever has been written.
  expect(catalog.totals()).toEqual({ objects: sum('objects'), bytes: sum('bytes') });
  for (const name of names) {
    const row = model.rows.get(name);
    const found = catalog.findContent(digestOf(name));
    expect(found && { sizeBytes: found.sizeBytes, provenance: found.provenance, hits: found.hits }).toEqual(
      row && { sizeBytes: row.sizeBytes, provenance: row.provenance, hits: row.hits },
    );
  }
  await flushed(catalog);
  expect(catalog.totalsByKind()).toEqual(totals);
  for (const name of names) expect(catalog.findContent(digestOf(name))?.kind).toBe(model.kind(name));
  expect(catalog.listContent('sha256:')).toHaveLength(model.rows.size);
}

test('the totals, by kind and in all, are what the rows say, whatever is done in whatever order', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40, size: 'max' }), async (steps) => {
      for (const suffix of ['', '-wal', '-shm']) await rm(`${catalogs.path()}${suffix}`, { force: true });
      const model = new Model();
      const left = [...steps];
      do {
        await catalogs.use(async (catalog) => {
          await compare(catalog, model);
          for (let next = left.shift(); next !== undefined && next.type !== 'reopen'; next = left.shift()) {
            await act(catalog, model, next);
          }
          await compare(catalog, model);
        });
      } while (left.length > 0);
    }),
    { numRuns: 30 },
  );
});

test('what a replaced row weighed does not stay in the totals, before and after it is written', async () => {
  await catalogs.use(async (catalog) => {
    for (const sizeBytes of [100, 700, 0, 300]) {
      const added = catalog.addContent(named('a', sizeBytes), noType);
      expect(catalog.totals()).toEqual({ objects: 1, bytes: sizeBytes });
      await added;
      expect(catalog.totalsByKind().once).toEqual({ objects: 1, bytes: sizeBytes });
    }
  });
});

test('what is used while its row is on its way counts as used again', () =>
  catalogs.use(async (catalog) => {
    void catalog.addContent(named('a'), noType);
    catalog.touchContent(named('a').digest);
    expect(await catalog.listEvictable('once', 10)).toEqual([]);
    expect(await catalog.listEvictable('reused', 10)).toHaveLength(1);
    expect(catalog.findContent(named('a').digest)).toMatchObject({ kind: 'reused', hits: 1, lastUsedMs: startMs });
  }));
