import type { Meter } from '../telemetry/metrics.ts';
import { contentKinds, type Catalog } from './catalog.ts';
import type { Space } from './space.ts';

/** The books as metrics, read at each scrape. */
export function registerStoreGauges(meter: Meter, space: Space, catalog: Catalog): void {
  const add = (name: string, help: string, read: () => number) => meter.gauge(`stowage_store_${name}`, help, read);
  add('objects', 'Objects in the cache.', () => catalog.totals().objects);
  add('content_bytes', 'Bytes of objects in the cache.', () => space.usage().contentBytes);
  add('leftover_bytes', 'Bytes of parked partial files and of quarantined objects.', () => space.usage().leftoverBytes);
  add('lingering_bytes', 'Bytes of deleted files that are still read.', () => space.usage().lingeringBytes);
  add('reserved_bytes', 'Bytes on their way in.', () => space.usage().reservedBytes);
  add('max_bytes', 'The quota; 0 means no limit.', () => space.usage().maxBytes);
  meter.labelledGauge({
    name: 'stowage_store_kind_bytes',
    help: 'Bytes of objects in the cache: used once, used again, manifests, pinned.',
    labels: ['kind'],
    read() {
      const totals = catalog.totalsByKind();
      return contentKinds.map((kind) => ({ labels: { kind }, value: totals[kind].bytes }));
    },
  });
}
