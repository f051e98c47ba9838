// The mirror: every caching decision. Knows no sockets, paths, status codes or headers.
import { isMirrorError } from '../oci/errors.ts';
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
import { Entrance } from './entrance.ts';
import type { Space } from './fill/fill-context.ts';
import { FillAdmission } from './fill/fill-admission.ts';
import type { FillLimits } from './fill/fill-limits.ts';
import { Fills } from './fill/fills.ts';
import { Freshness, type FreshnessLimits } from './freshness.ts';
import { Listings } from './listings.ts';
import { ManifestPulls, serveManifest } from './manifest-pulls.ts';
import { Misses } from './misses.ts';
import type { Mirror } from './mirror-api.ts';
import type { BlobPull, ManifestPull } from './pull.ts';
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
  /** As of `EntranceOptions`. */
  accessTtlOf(upstream: string): number | undefined;
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
    slots: new ConnectionSlots(() => options.connectionsPerUpstream, clock),
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
  const entrance = new Entrance({ ...options, limitsOf: options.freshnessOf });
  const pass = async <Result>(pull: ManifestPull, act: (door: Door) => Promise<Result>): Promise<Result> =>
    await entrance.pass(pull, { kind: 'manifest', reference: pull.reference }, act);
  const passForBlob = async <Result>(pull: BlobPull, act: (door: Door) => Promise<Result>): Promise<Result> =>
    await entrance.pass(pull, { kind: 'blob', digest: pull.digest }, act);

  return {
    recallManifest(pull) {
      const { reference } = pull;
      const door = entrance.findDoor(pull, { kind: 'manifest', reference });
      if (door === undefined) return undefined;
      if (reference.type === 'tag') return freshness.recall(door, reference.tag);
      const manifest = manifests.recall(door, reference.digest);
      return manifest && serveManifest(manifest, 'hit');
    },
    recallBlob(pull) {
      const door = entrance.findDoor(pull, { kind: 'blob', digest: pull.digest });
      return door && blobs.recall(door, pull.digest);
    },
    getManifest: async (pull) =>
      await pass(pull, async (door) => {
        if (pull.reference.type === 'tag') return await freshness.get(door, pull.reference.tag);
        return await manifests.get(door, pull.reference.digest);
      }),
    checkManifest: async (pull) =>
      await pass(pull, async (door) => {
        if (pull.reference.type === 'tag') return await freshness.check(door, pull.reference.tag);
        return await manifests.get(door, pull.reference.digest);
      }),
    headManifest: async (pull) =>
      await pass(pull, async (door) => {
        if (pull.reference.type === 'tag') return await freshness.head(door, pull.reference.tag);
        return await manifests.head(door, pull.reference.digest);
      }),
    getBlob: async (pull, demand, signal) =>
      await passForBlob(pull, async (door) => await blobs.get(door, pull.digest, demand, signal)),
    headBlob: async (pull) => await passForBlob(pull, async (door) => await blobs.head(door, pull.digest)),
    hasContent: async (pull) => await passForBlob(pull, async (door) => await blobs.has(door, pull.digest)),
    async whenKept(digest) {
      await fills.whenEnded(digest);
      await options.inventory.whenAdded(digest);
    },
    parkUnread: async (digest) => await fills.parkUnread(digest),
    listTags: async (pull) =>
      await entrance.pass(pull, { kind: 'list' }, async (door) => await listings.tags(door, pull)),
    listReferrers: async (pull) =>
      await entrance.pass(
        pull,
        { kind: 'list' },
        async (door) => await listings.referrers(door, pull.digest, pull.artifactType),
      ),
    listCatalog: () =>
      catalog.listPublicRepositories().filter(({ upstream, repository }) => entrance.isOpen(upstream, repository)),
    stats: () => ({ fills: fills.count, readers: fills.readers, waiting: admission.waiting }),
    listFills: () => fills.list(),
    close: async () => await fills.close(),
  };
}
