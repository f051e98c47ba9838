import { DatabaseSync, type StatementSync } from 'node:sqlite';
import type { Descriptor } from '../oci/descriptor.ts';
import { isDigest, type Digest } from '../oci/digest.ts';
import type { RepositoryId } from '../oci/reference.ts';
import type { ContentRecord, TagRecord } from './catalog.ts';
import { DamageError } from './catalog-schema.ts';

/** What is in the database. Every method throws what SQLite says. */
export interface CatalogReader {
  findContent(digest: Digest): ContentRecord | undefined;
  listEvictable(limit: number): readonly ContentRecord[];
  totals(): { readonly objects: number; readonly bytes: number };
  children(manifest: Digest): readonly Descriptor[];
  /** Claims about `digest` in manifests linked to the repository. */
  claims(
    repository: RepositoryId,
    digest: Digest,
  ): readonly { readonly manifest: Digest; readonly descriptor: Descriptor }[];
  hasLink(repository: RepositoryId, digest: Digest): boolean;
  findTag(repository: RepositoryId, tag: string): TagRecord | undefined;
  listPublicRepositories(): readonly RepositoryId[];
  close(): void;
}

type Row = Readonly<Record<string, unknown>>;

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
    listEvictable(limit) {
      const order = 'ORDER BY media_type IS NOT NULL, last_used LIMIT ?';
      return prepare(`SELECT ${contentColumns} FROM content WHERE pinned = 0 ${order}`).all(limit).map(toContent);
    },
    totals() {
      const row = prepare('SELECT count(*) AS objects, coalesce(sum(size), 0) AS bytes FROM content').get();
      return { objects: Number(row?.['objects']), bytes: Number(row?.['bytes']) };
    },
    children: (manifest) =>
      prepare('SELECT digest, size, media_type FROM children WHERE manifest = ?').all(manifest).map(toDescriptor),
    claims({ upstream, repository }, digest) {
      const sql = `SELECT manifest, children.digest AS digest, size, media_type FROM children
        JOIN links ON links.upstream = ? AND links.repository = ? AND links.digest = manifest
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
      if (row === undefined) return undefined;
      const etag = row['etag'];
      return {
        digest: toDigest(row['digest']),
        checkedMs: Number(row['checked']),
        etag: typeof etag === 'string' ? etag : undefined,
      };
    },
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

const contentColumns = 'digest, size, provenance, media_type, last_used, hits';

function toContent(row: Row): ContentRecord {
  const mediaType = row['media_type'];
  return {
    digest: toDigest(row['digest']),
    sizeBytes: Number(row['size']),
    provenance: row['provenance'] === 'public' ? 'public' : 'restricted',
    mediaType: typeof mediaType === 'string' ? mediaType : undefined,
    lastUsedMs: Number(row['last_used']),
    hits: Number(row['hits']),
  };
}

function toDescriptor(row: Row): Descriptor {
  return { digest: toDigest(row['digest']), mediaType: String(row['media_type']), sizeBytes: Number(row['size']) };
}

/** Digests become file names: a damaged one must not. */
function toDigest(value: unknown): Digest {
  if (typeof value === 'string' && isDigest(value)) return value;
  throw new DamageError('the catalog holds a digest that is none');
}
