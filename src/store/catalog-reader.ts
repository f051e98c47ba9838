import { DatabaseSync, type StatementSync } from 'node:sqlite';
import type { Descriptor } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';
import type { Pin } from '../oci/pin.ts';
import type { RepositoryId } from '../oci/reference.ts';
import { contentKinds, type ContentKind, type ContentRecord, type ContentTotals, type TagRecord } from './catalog.ts';
import { toContent, toDescriptor, toDigest, toKind, toPin, toTag, type Row } from './catalog-rows.ts';

/** What is in the database. Every method throws what SQLite says. */
export interface CatalogReader {
  findContent(digest: Digest): ContentRecord | undefined;
  listByUse(kind: ContentKind, limit: number): readonly ContentRecord[];
  listContent(prefix: string): readonly ContentRecord[];
  totals(): Readonly<Record<ContentKind, ContentTotals>>;
  /** `lastUsedMs` of what was used last, undefined when there is nothing. */
  newestUseMs(): number | undefined;
  listPins(): readonly Pin[];
  findState(key: string): string | undefined;
  children(manifest: Digest): readonly Descriptor[];
  /** Claims about `digest` in manifests linked to the repository. */
  claims(
    repository: RepositoryId,
    digest: Digest,
  ): readonly { readonly manifest: Digest; readonly descriptor: Descriptor }[];
  hasLink(repository: RepositoryId, digest: Digest): boolean;
  findTag(repository: RepositoryId, tag: string): TagRecord | undefined;
  /** What leads to this content: itself, manifests that list it, and indexes that list those; not all of very many. */
  listAbove(digest: Digest): readonly Digest[];
  /** The repository's tags of all that `listAbove` gives. */
  listTagsAbove(repository: RepositoryId, digest: Digest): readonly string[];
  listPublicRepositories(): readonly RepositoryId[];
  close(): void;
}

/** Asks the database; what cannot be read is `otherwise`. */
export interface Query {
  <T>(read: (reader: CatalogReader) => T, otherwise: T): T;
  close(): void;
}

/** Opens the catalog for reading; it must exist. Each call sees every transaction that has ended. */
export function openCatalogReader(path: string): CatalogReader {
  const db = new DatabaseSync(path, { readOnly: true, timeout: 250 });
  const prepared = new Map<string, StatementSync>();
  const prepare = (sql: string) => {
    const statement = prepared.get(sql) ?? db.prepare(sql);
    prepared.set(sql, statement);
    return statement;
  };
  return {
    findContent(digest) {
      const row = prepare(`SELECT ${contentColumns} FROM content WHERE digest = ?`).get(digest);
      return row === undefined ? undefined : toContent(row);
    },
    listByUse(kind, limit) {
      const sql = `SELECT ${contentColumns} FROM content WHERE kind = ? ORDER BY last_used LIMIT ?`;
      return prepare(sql).all(kind, limit).map(toContent);
    },
    listContent(prefix) {
      // `~` sorts after everything that a digest holds.
      const sql = `SELECT ${contentColumns} FROM content WHERE digest >= ? AND digest < ?`;
      return prepare(sql).all(prefix, `${prefix}~`).map(toContent);
    },
    totals() {
      const totals = { once: none, reused: none, manifest: none, pinned: none };
      for (const row of prepare('SELECT kind, objects, bytes FROM totals').all()) {
        totals[toKind(row['kind'])] = { objects: Number(row['objects']), bytes: Number(row['bytes']) };
      }
      return totals;
    },
    newestUseMs() {
      const newest = prepare('SELECT max(last_used) AS newest FROM content WHERE kind = ?');
      const times = contentKinds.map((kind) => newest.get(kind)?.['newest']);
      const known = times.filter((time) => typeof time === 'number');
      return known.length === 0 ? undefined : Math.max(...known);
    },
    listPins: () =>
      prepare('SELECT pin FROM pins')
        .all()
        .map(({ pin }) => toPin(pin)),
    findState(key) {
      const value = prepare('SELECT value FROM state WHERE key = ?').get(key)?.['value'];
      return typeof value === 'string' ? value : undefined;
    },
    children: (manifest) =>
      prepare('SELECT digest, size, media_type FROM children WHERE manifest = ?').all(manifest).map(toDescriptor),
    claims({ upstream, repository }, digest) {
      // In this order: a digest has few manifests, a repository may have any number of links.
      const sql = `SELECT manifest, children.digest AS digest, size, media_type FROM children
        CROSS JOIN links ON links.upstream = ? AND links.repository = ? AND links.digest = manifest
        WHERE children.digest = ? LIMIT 16`;
      const rows: readonly Row[] = prepare(sql).all(upstream, repository, digest);
      return rows.map((row) => ({ manifest: toDigest(row['manifest']), descriptor: toDescriptor(row) }));
    },
    hasLink: ({ upstream, repository }, digest) =>
      prepare('SELECT 1 FROM links WHERE upstream = ? AND repository = ? AND digest = ?').get(
        upstream,
        repository,
        digest,
      ) !== undefined,
    findTag({ upstream, repository }, tag) {
      const sql = 'SELECT digest, checked, etag FROM tags WHERE upstream = ? AND repository = ? AND tag = ?';
      const row = prepare(sql).get(upstream, repository, tag);
      return row === undefined ? undefined : toTag(row);
    },
    listAbove: (digest) =>
      prepare(`${above} SELECT digest FROM above`)
        .all(digest)
        .map((row) => toDigest(row['digest'])),
    listTagsAbove: ({ upstream, repository }, digest) =>
      prepare(`${above} SELECT tag FROM above CROSS JOIN tags ON tags.digest = above.digest
        WHERE upstream = ? AND repository = ?`)
        .all(digest, upstream, repository)
        .map(({ tag }) => String(tag)),
    listPublicRepositories() {
      // From one repository to the next: SELECT DISTINCT would read every link.
      const next = prepare(`SELECT upstream, repository FROM links WHERE (upstream, repository) > (?, ?)
        ORDER BY upstream, repository LIMIT 1`);
      const findPublic = prepare(`SELECT 1 FROM links JOIN content USING (digest)
        WHERE upstream = ? AND repository = ? AND provenance = 'public' LIMIT 1`);
      const found: RepositoryId[] = [];
      let row = next.get('', '');
      while (row !== undefined) {
        const id = { upstream: String(row['upstream']), repository: String(row['repository']) };
        if (findPublic.get(id.upstream, id.repository) !== undefined) found.push(id);
        row = next.get(id.upstream, id.repository);
      }
      return found;
    },
    close: () => db.close(),
  };
}

/** A layer of a base image may be in any number of manifests: so many are looked at. */
const above = `WITH RECURSIVE above (digest) AS (
  SELECT ? UNION SELECT manifest FROM above CROSS JOIN children ON children.digest = above.digest LIMIT 5000
)`;
const contentColumns = 'digest, size, provenance, media_type, kind, last_used, hits';
const none: ContentTotals = { objects: 0, bytes: 0 };
