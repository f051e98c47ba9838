import { join } from 'node:path';
import type { Pin } from '../../../src/oci/pin.ts';
import type { Catalog, ContentKind } from '../../../src/store/catalog.ts';
import type { CatalogBrowse } from '../../../src/store/catalog-browse.ts';
import type { CatalogState } from '../../../src/store/catalog-protocol.ts';
import type { StoredObject } from '../../../src/store/content-store.ts';
import { openSqliteCatalog } from '../../../src/store/sqlite-catalog.ts';
import { createHealth } from '../../../src/telemetry/health.ts';
import { silentLog } from '../../../src/telemetry/log.ts';
import { silentMeter } from '../../../src/telemetry/metrics.ts';
import { createManualClock, type ManualClock } from '../http/manual-clock.ts';
import { objectOf, useDirectory } from './fixtures.ts';

export const noType = { mediaType: undefined };
export const manifestType = { mediaType: 'application/vnd.oci.image.manifest.v1+json' };
export const startMs = 1_700_000_000_000;

/** A catalog in a directory of each test's. */
export interface CatalogBench {
  path(): string;
  /** Time of the test that runs. */
  clock(): ManualClock;
  /** Opens the catalog, as the next process would, and closes it. */
  use(
    run: (catalog: Catalog, state: CatalogState, browse: CatalogBrowse) => Promise<void> | void,
    pins?: readonly Pin[],
  ): Promise<void>;
}

export function useCatalogs(): CatalogBench {
  const directory = useDirectory();
  const clocks = new Map<string, ManualClock>();
  const path = () => join(directory(), 'catalog.db');
  const clock = () => {
    const known = clocks.get(path()) ?? createManualClock(startMs);
    clocks.set(path(), known);
    return known;
  };
  return {
    path,
    clock,
    async use(run, pins = []) {
      const parts = { clock: clock(), log: silentLog, meter: silentMeter, health: createHealth() };
      const { catalog, state, browse } = await openSqliteCatalog({ path: path(), pins, ...parts });
      try {
        await run(catalog, state, browse);
      } finally {
        await catalog.close();
      }
    },
  };
}

/** An object of a digest that no other name gives. */
export function named(name: string, sizeBytes = 100): StoredObject {
  return { ...objectOf(Buffer.from(name)), sizeBytes };
}

export function childOf(name: string, sizeBytes = 100) {
  return { digest: named(name).digest, mediaType: 'application/layer', sizeBytes };
}

export function kindOf(catalog: Catalog, name: string): ContentKind | undefined {
  return catalog.findContent(named(name).digest)?.kind;
}

/** Everything that was written before is in the database. */
export async function flushed(catalog: Catalog): Promise<void> {
  await catalog.listEvictable('once', 1);
}
