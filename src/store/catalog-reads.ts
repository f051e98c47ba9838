import { writeFileSync } from 'node:fs';
import type { Descriptor } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';
import type { RepositoryId } from '../oci/reference.ts';
import type { Health } from '../telemetry/health.ts';
import type { Log } from '../telemetry/log.ts';
import type { Catalog, ContentRecord, ContentTotals, EvictableKind, StoredContent } from './catalog.ts';
import type { CatalogOverlay, PendingUse } from './catalog-overlay.ts';
import type { CatalogChange } from './catalog-protocol.ts';
import { openCatalogReader, type CatalogReader, type Query } from './catalog-reader.ts';
import { CatalogMemory } from './catalog-memory.ts';
import { listTagsLeadingTo } from './catalog-leading.ts';
import { damageMark, isDamage } from './catalog-schema.ts';

/** The catalog's reads: the database with the pending changes laid over it. What cannot be read is not there. */
export interface CatalogReads extends Pick<
  Catalog,
  | 'findContent'
  | 'findStored'
  | 'listContent'
  | 'totals'
  | 'totalsByKind'
  | 'childrenOf'
  | 'findDescriptor'
  | 'hasLink'
  | 'findTag'
  | 'listTagsLeadingTo'
  | 'listPublicRepositories'
  | 'listPins'
  | 'findState'
> {
  /** As `Catalog.listEvictable`, at once. */
  listEvictable(kind: EvictableKind, limit: number): readonly ContentRecord[];
  newestUseMs(): number | undefined;
  /** Call before a change goes to the overlay: counts it, and gives the content row that it is about, as it was. */
  prepare(change: CatalogChange): ContentRecord | undefined;
  close(): void;
}

export interface CatalogReadsOptions {
  readonly path: string;
  readonly overlay: CatalogOverlay;
  readonly log: Log;
  readonly health: Health;
}

export function createCatalogReads(options: CatalogReadsOptions): CatalogReads {
  const { overlay } = options;
  const query = createQuery(options);
  const memory = new CatalogMemory();
  const none = { objects: 0, bytes: 0 };
  const noTotals = { once: none, reused: none, manifest: none, pinned: none };
  let { objects, bytes } = sum(Object.values(query((reader) => reader.totals(), noTotals)));

  function findContent(digest: Digest): ContentRecord | undefined {
    const pending = overlay.content(digest);
    if (pending === null) return undefined;
    const record = pending ?? query((reader) => reader.findContent(digest), undefined);
    return record === undefined ? undefined : withUse(record, overlay.uses().get(digest));
  }

  function findStored(digest: Digest): StoredContent | undefined {
    const known = memory.content(digest);
    if (known !== undefined) return known;
    const pending = overlay.content(digest);
    if (pending !== undefined) return pending ?? undefined;
    const record = query((reader) => reader.findContent(digest), undefined);
    if (record === undefined) return undefined;
    const { sizeBytes, provenance, mediaType } = record;
    const stored = { digest, sizeBytes, provenance, mediaType };
    memory.keepContent(stored);
    return stored;
  }

  function childrenOf(manifest: Digest): readonly Descriptor[] {
    const pending = overlay.children(manifest);
    if (pending !== undefined) return pending ?? [];
    return query((reader) => reader.children(manifest), []);
  }

  function hasLink(repository: RepositoryId, digest: Digest): boolean {
    return overlay.hasLink(repository, digest) ?? query((reader) => reader.hasLink(repository, digest), false);
  }

  return {
    findContent,
    findStored,
    hasLink,
    childrenOf,
    listEvictable(kind, limit) {
      const wanted = limit + overlay.uses().size + overlay.contents().size;
      const stored = query((reader) => reader.listByUse(kind, wanted), []);
      const pending = [...overlay.contents().values()].filter((record) => record !== null);
      const all = [...stored.filter(({ digest }) => overlay.content(digest) === undefined), ...pending];
      return all
        .map((record) => withUse(record, overlay.uses().get(record.digest)))
        .filter((record) => record.kind === kind)
        .toSorted((a, b) => a.lastUsedMs - b.lastUsedMs)
        .slice(0, limit);
    },
    listContent(prefix) {
      const stored = query((reader) => reader.listContent(prefix), []);
      const pending = [...overlay.contents().values()].filter((record) => record?.digest.startsWith(prefix));
      const all = [...stored.filter(({ digest }) => overlay.content(digest) === undefined), ...pending];
      return all.filter((record) => record !== null);
    },
    totalsByKind: () => query((reader) => reader.totals(), noTotals),
    newestUseMs: () => query((reader) => reader.newestUseMs(), undefined),
    listPins: () => query((reader) => reader.listPins(), []),
    findState: (key) => overlay.state(key) ?? query((reader) => reader.findState(key), undefined),
    totals: () => ({ objects, bytes }),
    prepare(change) {
      if (change.type === 'set-tag' || change.type === 'remove-tag')
        memory.forgetTag(tagKey(change.repository, change.tag));
      const digest =
        change.type === 'add-content' ? change.record.digest : 'digest' in change ? change.digest : undefined;
      if (digest === undefined || change.type === 'add-link' || change.type === 'touch-content') return undefined;
      memory.forgetContent(digest);
      const before = findContent(digest);
      if (before !== undefined && change.type !== 'promote-content') {
        objects -= 1;
        bytes -= before.sizeBytes;
      }
      if (change.type === 'add-content') {
        objects += 1;
        bytes += change.record.sizeBytes;
      }
      return before;
    },
    findDescriptor(repository, digest) {
      for (const [manifest, children] of overlay.manifests()) {
        const claim = children?.find((child) => child.digest === digest);
        if (claim !== undefined && hasLink(repository, manifest)) return claim;
      }
      const claims = query((reader) => reader.claims(repository, digest), []);
      const stored = claims.find(({ manifest }) => overlay.children(manifest) === undefined);
      if (stored !== undefined) return stored.descriptor;
      for (const link of overlay.links()) {
        if (link.repository.upstream !== repository.upstream) continue;
        if (link.repository.repository !== repository.repository) continue;
        const claim = childrenOf(link.digest).find((child) => child.digest === digest);
        if (claim !== undefined) return claim;
      }
      return undefined;
    },
    findTag(repository, tag) {
      const key = tagKey(repository, tag);
      const known = memory.tag(key);
      if (known !== undefined) return known;
      const pending = overlay.tag(repository, tag);
      if (pending !== undefined) return pending ?? undefined;
      const row = query((reader) => reader.findTag(repository, tag), undefined);
      // Tags of what is not here are tidied away without a word.
      if (row !== undefined && findStored(row.digest) !== undefined) memory.keepTag(key, row);
      return row;
    },
    listTagsLeadingTo: (repository, digest) => listTagsLeadingTo({ overlay, query }, repository, digest),
    listPublicRepositories() {
      const stored = query((reader) => reader.listPublicRepositories(), []);
      const pending = overlay.links().filter(({ digest }) => findContent(digest)?.provenance === 'public');
      const all = new Map([...stored, ...pending.map(({ repository }) => repository)].map((id) => [idKey(id), id]));
      return [...all.keys()].toSorted().flatMap((key) => all.get(key) ?? []);
    },
    close: () => query.close(),
  };
}

/** Opens the reader when it is first wanted, since there may be no database yet; says once that it fails. */
function createQuery({ path, log, health }: CatalogReadsOptions): Query {
  let reader: CatalogReader | undefined;
  let isFailing = false;
  const query = <T>(read: (reader: CatalogReader) => T, otherwise: T): T => {
    try {
      reader ??= openCatalogReader(path);
      const value = read(reader);
      if (isFailing) health.report('catalog', undefined);
      isFailing = false;
      return value;
    } catch (error) {
      if (!isFailing) log.error({ err: error }, 'the catalog cannot be read');
      if (!isFailing && isDamage(error)) markDamaged(path);
      isFailing = true;
      health.report('catalog', 'the catalog cannot be read: what is in it counts as absent');
      return otherwise;
    }
  };
  return Object.assign(query, {
    close() {
      reader?.close();
      reader = undefined;
    },
  });
}

/** Only a start can make a new catalog from the files; the next one shall. */
function markDamaged(path: string): void {
  try {
    writeFileSync(damageMark(path), '', { mode: 0o600 });
  } catch {
    // The disk is worse off than the catalog; the next start looks for itself.
  }
}

function withUse(record: ContentRecord, use: PendingUse | undefined): ContentRecord {
  if (use === undefined) return record;
  const kind = record.kind === 'once' ? 'reused' : record.kind;
  return { ...record, kind, lastUsedMs: use.lastUsedMs, hits: record.hits + use.hits };
}

function sum(totals: readonly ContentTotals[]): { objects: number; bytes: number } {
  const add = (of: (one: ContentTotals) => number) => totals.reduce((all, one) => all + of(one), 0);
  return { objects: add((one) => one.objects), bytes: add((one) => one.bytes) };
}

/** No name holds a space. */
function tagKey({ upstream, repository }: RepositoryId, tag: string): string {
  return `${upstream} ${repository} ${tag}`;
}

/** Sorts as `upstream/repository` does; a space sorts before every character of a name. */
function idKey({ upstream, repository }: RepositoryId): string {
  return `${upstream} ${repository}`;
}
