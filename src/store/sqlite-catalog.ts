import type { Digest } from '../oci/digest.ts';
import type { Pin } from '../oci/pin.ts';
import type { Clock, Timer } from '../telemetry/clock.ts';
import type { Health } from '../telemetry/health.ts';
import type { Log } from '../telemetry/log.ts';
import type { Meter } from '../telemetry/metrics.ts';
import type { Catalog, ContentKind } from './catalog.ts';
import { createCatalogBrowse, type CatalogBrowse } from './catalog-browse.ts';
import type { Differences } from './catalog-compare.ts';
import { createCatalogOverlay, type PendingUse } from './catalog-overlay.ts';
import { createCatalogReads } from './catalog-reads.ts';
import type { CatalogChange, CatalogReply, CatalogRequest, CatalogState } from './catalog-protocol.ts';
import { createCatalogWriter } from './catalog-writer.ts';
import { createUseClock } from './use-clock.ts';
import { startWorker } from './worker-port.ts';

export interface SqliteCatalogOptions {
  /** The database file; its directory belongs to this process alone. */
  readonly path: string;
  /** What the configuration pins; looked at each time, since it may change. */
  readonly pins: readonly Pin[];
  readonly clock: Clock;
  readonly log: Log;
  readonly meter: Meter;
  readonly health: Health;
}

const touchDelayMs = 1000;

export interface OpenedCatalog {
  readonly catalog: Catalog;
  readonly state: CatalogState;
  /** Open as long as the catalog is. */
  readonly browse: CatalogBrowse;
  /** Where the rows that are written and the files below `blobsPath` differ, off the event loop. */
  compare(blobsPath: string, prefix: string): Promise<Differences>;
}

/**
 * Opens the catalog; damage is moved aside, and `state` says what was found. Never refuses: without a
 * usable disk it remembers in memory until there is one.
 */
export async function openSqliteCatalog(options: SqliteCatalogOptions): Promise<OpenedCatalog> {
  const { clock } = options;
  const port = startWorker<CatalogRequest, CatalogReply>(import.meta.url, 'catalog-worker');
  const state = await openInWorker(options, (request) => port.request(request));
  const overlay = createCatalogOverlay();
  const reads = createCatalogReads({ ...options, overlay });
  const writer = createCatalogWriter({ ...options, port, onSettled: (number) => overlay.settle(number) });
  const useTimeMs = createUseClock(clock, reads.newestUseMs());
  const touches = new Map<Digest, PendingUse>();
  const pins = new Map(reads.listPins().map((pin) => [JSON.stringify(pin), pin]));
  let touchTimer: Timer | undefined;

  function write(change: CatalogChange): Promise<void> {
    const before = reads.prepare(change);
    const { number, whenSettled } = writer.write(change);
    overlay.apply(number, change, () => before);
    return whenSettled;
  }

  function writeTouches(): void {
    touchTimer?.stop();
    touchTimer = undefined;
    for (const [digest, use] of touches) void write({ type: 'touch-content', digest, ...use });
    touches.clear();
  }

  async function flush(): Promise<void> {
    writeTouches();
    await writer.flush();
  }

  const browse = createCatalogBrowse({ ...options, flush });
  const catalog: Catalog = {
    findContent: (digest) => reads.findContent(digest),
    findStored: (digest) => reads.findStored(digest),
    addContent({ digest, sizeBytes, provenance }, { mediaType, lastUsedMs = Infinity }) {
      const known = reads.findContent(digest);
      const facts = {
        kind: kindOf(mediaType, known?.kind),
        lastUsedMs: Math.min(Math.floor(lastUsedMs), useTimeMs()),
        hits: known?.hits ?? 0,
      };
      return write({ type: 'add-content', record: { digest, sizeBytes, provenance, mediaType, ...facts } });
    },
    promoteContent: (digest) => write({ type: 'promote-content', digest }),
    removeContent(digest) {
      touches.delete(digest);
      return write({ type: 'remove-content', digest });
    },
    touchContent(digest) {
      const hits = (touches.get(digest)?.hits ?? 0) + 1;
      // Taken out first: written in the order of the last uses, a layer of two manifests keeps the newer one's.
      touches.delete(digest);
      touches.set(digest, { lastUsedMs: useTimeMs(), hits });
      touchTimer ??= clock.startTimer(touchDelayMs, writeTouches);
    },
    useTimeMs,
    async listEvictable(kind, limit) {
      // What was used in the last second must not look old, nor what was just evicted be listed.
      await flush();
      return reads.listEvictable(kind, limit);
    },
    listContent: (prefix) => reads.listContent(prefix),
    totals: () => reads.totals(),
    totalsByKind: () => reads.totalsByKind(),
    listPins: () => [...pins.values()],
    async addPin(...added) {
      for (const pin of added) pins.set(JSON.stringify(pin), pin);
      await Promise.all([...added.map((pin) => write({ type: 'add-pin', pin })), catalog.applyPins()]);
    },
    async removePin(...removed) {
      for (const pin of removed) pins.delete(JSON.stringify(pin));
      await Promise.all([...removed.map((pin) => write({ type: 'remove-pin', pin })), catalog.applyPins()]);
    },
    async applyPins() {
      const all = [...options.pins, ...pins.values()];
      if (all.length > 0 || reads.totalsByKind().pinned.objects > 0) await write({ type: 'apply-pins', pins: all });
    },
    findState: (key) => reads.findState(key),
    setState: (key, value) => write({ type: 'set-state', key, value }),
    setChildren: (manifest, children) => write({ type: 'set-children', manifest, children }),
    childrenOf: (manifest) => reads.childrenOf(manifest),
    findDescriptor: (repository, digest) => reads.findDescriptor(repository, digest),
    hasLink: (repository, digest) => reads.hasLink(repository, digest),
    addLink(repository, digest) {
      if (reads.hasLink(repository, digest)) return Promise.resolve();
      return write({ type: 'add-link', repository: { ...repository }, digest });
    },
    findTag: (repository, tag) => reads.findTag(repository, tag),
    setTag: (repository, tag, record) => write({ type: 'set-tag', repository, tag, record }),
    removeTag: (repository, tag) => write({ type: 'remove-tag', repository, tag }),
    listTagsLeadingTo: (repository, digest) => reads.listTagsLeadingTo(repository, digest),
    listPublicRepositories: () => reads.listPublicRepositories(),
    async close() {
      writeTouches();
      await writer.close();
      await browse.close();
      // The readers first: the last connection to go merges the -wal file, which only the writer can.
      reads.close();
      await port.request({ type: 'close' }).catch(() => undefined);
      await port.terminate();
    },
  };
  async function compare(blobsPath: string, prefix: string): Promise<Differences> {
    const reply = await port.request({ type: 'compare', blobsPath, prefix });
    if (typeof reply === 'object') return reply;
    throw new TypeError('the catalog did not compare');
  }

  return { catalog, state, browse, compare };
}

/** As the database will have it; of what was a manifest nobody remembers whether it was used again. */
function kindOf(mediaType: string | undefined, known: ContentKind | undefined): ContentKind {
  if (known === 'pinned') return known;
  if (mediaType !== undefined) return 'manifest';
  return known === 'reused' ? known : 'once';
}

async function openInWorker(
  options: SqliteCatalogOptions,
  request: (body: CatalogRequest) => Promise<CatalogReply>,
): Promise<CatalogState> {
  try {
    const reply = await request({ type: 'open', path: options.path });
    const state = typeof reply === 'string' ? reply : 'new';
    if (state === 'damaged') {
      options.log.warn({}, 'the catalog was damaged; it is made anew from the files, restricted content without links');
    }
    return state;
  } catch (error) {
    options.log.error({ err: error }, 'the catalog cannot be opened');
    options.health.report('catalog', 'the catalog cannot be opened: what is new is forgotten on restart');
    return 'new';
  }
}
