// The mirror: every caching decision. Knows no sockets, paths, status codes or headers.
import { isMirrorError, MirrorError } from '../oci/errors.ts';
import type { Catalog } from '../store/catalog.ts';
import type { ContentStore } from '../store/content-store.ts';
import type { Inventory } from '../store/inventory.ts';
import type { Recent } from '../store/recent.ts';
import type { StoreFaults } from '../store/store-faults.ts';
import type { Clock } from '../telemetry/clock.ts';
import type { Events } from '../telemetry/events.ts';
import type { Log } from '../telemetry/log.ts';
import type { Meter } from '../telemetry/metrics.ts';
import type { Upstreams } from '../upstream/upstreams.ts';
import { BlobPulls } from './blob-pulls.ts';
import { BufferPool } from './fill/buffer-pool.ts';
import { Bypasses } from './fill/bypass.ts';
import { ConnectionSlots } from './fill/connection-slots.ts';
import type { Door } from './door.ts';
import type { Space } from './fill/fill-context.ts';
import { FillAdmission } from './fill/fill-admission.ts';
import type { FillLimits } from './fill/fill-limits.ts';
import { Fills } from './fill/fills.ts';
import { Freshness, type FreshnessLimits } from './freshness.ts';
import { Listings } from './listings.ts';
import { ManifestPulls, serveManifest } from './manifest-pulls.ts';
import { Misses } from './misses.ts';
import type { Mirror } from './mirror-api.ts';
import type { Arrival } from './pull.ts';
import { Visibility } from './visibility.ts';

const readBufferBytes = 64 * 1024 * 1024;

export interface MirrorOptions {
  readonly upstreams: Pick<Upstreams, 'find'>;
  readonly content: ContentStore;
  readonly catalog: Catalog;
  readonly inventory: Inventory;
  readonly faults: StoreFaults;
  readonly recent: Recent;
  readonly misses: Recent;
  readonly space: Space;
  /** Looked at when a fill or a stream around the store begins; what runs keeps what it began with. */
  readonly fillLimits: FillLimits;
  /** Blob connections to each upstream, all fills together; looked at for each one more. */
  readonly connectionsPerUpstream: number;
  readonly clock: Clock;
  readonly log: Log;
  readonly meter: Meter;
  readonly events: Pick<Events, 'publish'>;
  freshnessOf(upstream: string): FreshnessLimits;
}

/** The mirror over a store and upstreams that are ready. The caller closes these after the mirror. */
export function createMirror(options: MirrorOptions): Mirror {
  const { catalog, clock } = options;
  const onStoreError = (operation: string, error: unknown): void => {
    if (!isMirrorError(error)) options.faults.report(operation, error);
  };
  const visibility = new Visibility(options);
  const misses = new Misses({ misses: options.misses, limitsOf: options.freshnessOf });
  const buffers = new BufferPool(readBufferBytes);
  const bypasses = new Bypasses(() => options.fillLimits, clock);
  const fills = new Fills({
    ...options,
    buffers,
    slots: new ConnectionSlots(() => options.connectionsPerUpstream),
    findLimits: () => options.fillLimits,
    onStoreError,
    onCommitted(object, sources) {
      void catalog.addContent(object, { mediaType: undefined });
      for (const { upstream, repository } of sources) {
        void catalog.addLink({ upstream: upstream.name, repository }, object.digest);
      }
    },
  });
  const admission = new FillAdmission(() => options.fillLimits, clock);
  const blobs = new BlobPulls({ ...options, visibility, misses, fills, admission, buffers, bypasses, onStoreError });
  const manifests: ManifestPulls = new ManifestPulls({
    ...options,
    visibility,
    misses,
    onStoreError,
    onKept: (door, digest) => freshness.onManifest(door, digest),
  });
  const freshness = new Freshness({ ...options, manifests, misses, limitsOf: options.freshnessOf });
  const listings = new Listings({ ...options, limitsOf: options.freshnessOf });
  const doorOf = (arrival: Arrival): Door => findDoor(options.upstreams, arrival);

  return {
    recallManifest({ reference, ...repository }) {
      const door = doorOf(repository);
      if (reference.type === 'tag') return freshness.recall(door, reference.tag);
      const manifest = manifests.recall(door, reference.digest);
      return manifest && serveManifest(manifest, 'hit');
    },
    recallBlob: (pull) => blobs.recall(doorOf(pull), pull.digest),
    async getManifest({ reference, ...repository }) {
      const door = doorOf(repository);
      if (reference.type === 'tag') return await freshness.get(door, reference.tag);
      return await manifests.get(door, reference.digest);
    },
    async checkManifest({ reference, ...repository }) {
      const door = doorOf(repository);
      if (reference.type === 'tag') return await freshness.check(door, reference.tag);
      return await manifests.get(door, reference.digest);
    },
    async headManifest({ reference, ...repository }) {
      const door = doorOf(repository);
      if (reference.type === 'tag') return await freshness.head(door, reference.tag);
      return await manifests.head(door, reference.digest);
    },
    getBlob: async (pull, demand, signal) => await blobs.get(doorOf(pull), pull.digest, demand, signal),
    headBlob: async (pull) => await blobs.head(doorOf(pull), pull.digest),
    hasContent: async (pull) => await blobs.has(doorOf(pull), pull.digest),
    whenFilled: async (digest) => await fills.whenEnded(digest),
    parkUnread: async (digest) => await fills.parkUnread(digest),
    listTags: async (pull) => await listings.tags(doorOf(pull), pull),
    listReferrers: async (pull) => await listings.referrers(doorOf(pull), pull.digest, pull.artifactType),
    listCatalog: () => catalog.listPublicRepositories(),
    stats: () => ({ fills: fills.count, readers: fills.readers, waiting: admission.waiting }),
    listFills: () => fills.list(),
    close: async () => await fills.close(),
  };
}

function findDoor(upstreams: Pick<Upstreams, 'find'>, { upstream: name, repository, hops = [] }: Arrival): Door {
  const upstream = upstreams.find(name);
  if (upstream !== undefined) return { upstream: upstream.through(hops), repository };
  throw new MirrorError({ kind: 'upstream-unknown', message: 'no upstream of this name is configured' });
}
