import { existsSync, renameSync, rmSync, statSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import type { CatalogState } from './catalog-protocol.ts';
import { contentKinds } from './catalog.ts';
import { imagesMigration } from './image-sizes.ts';
import { sqliteCode, sqliteCodes } from './sqlite-error.ts';

/** Nobody else writes here; whoever does is not waited for long. */
const busyMs = 250;
/** Checking every page of a larger database would hold up the start; its damage shows when it is read. */
const maxCheckedBytes = 64 * 1024 * 1024;

const tables = `
  CREATE TABLE content (
    digest TEXT PRIMARY KEY,
    size INTEGER NOT NULL,
    provenance TEXT NOT NULL,
    media_type TEXT,
    first_used INTEGER NOT NULL,
    last_used INTEGER NOT NULL,
    hits INTEGER NOT NULL DEFAULT 0,
    pinned INTEGER NOT NULL DEFAULT 0
  ) WITHOUT ROWID;
  CREATE TABLE children (
    manifest TEXT NOT NULL,
    digest TEXT NOT NULL,
    size INTEGER NOT NULL,
    media_type TEXT NOT NULL,
    PRIMARY KEY (manifest, digest)
  ) WITHOUT ROWID;
  CREATE INDEX children_by_digest ON children (digest);
  CREATE TABLE links (
    upstream TEXT NOT NULL,
    repository TEXT NOT NULL,
    digest TEXT NOT NULL,
    PRIMARY KEY (upstream, repository, digest)
  ) WITHOUT ROWID;
  CREATE INDEX links_by_digest ON links (digest);
  CREATE TABLE tags (
    upstream TEXT NOT NULL,
    repository TEXT NOT NULL,
    tag TEXT NOT NULL,
    digest TEXT NOT NULL,
    checked INTEGER NOT NULL,
    etag TEXT,
    PRIMARY KEY (upstream, repository, tag)
  ) WITHOUT ROWID;
`;

/**
 * Version 2: what decides when content goes, and totals that need not be counted: a million rows take a second. They
 * are kept by triggers, so that no statement can forget them.
 */
const eviction = `
  DROP INDEX IF EXISTS content_by_use;
  ALTER TABLE content ADD COLUMN is_reused INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE content ADD COLUMN kind TEXT GENERATED ALWAYS AS (CASE
    WHEN pinned THEN 'pinned' WHEN media_type IS NOT NULL THEN 'manifest' WHEN is_reused THEN 'reused' ELSE 'once' END);
  UPDATE content SET is_reused = 1 WHERE hits > 0;
  CREATE INDEX content_by_use ON content (kind, last_used);
  CREATE TABLE pins (pin TEXT PRIMARY KEY) WITHOUT ROWID;
  CREATE TABLE state (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE totals (kind TEXT PRIMARY KEY, objects INTEGER NOT NULL, bytes INTEGER NOT NULL) WITHOUT ROWID;
  INSERT INTO totals VALUES ${contentKinds.map((kind) => `('${kind}', 0, 0)`).join(', ')};
  UPDATE totals SET
    objects = (SELECT count(*) FROM content WHERE content.kind = totals.kind),
    bytes = (SELECT coalesce(sum(size), 0) FROM content WHERE content.kind = totals.kind);
  CREATE TRIGGER content_added AFTER INSERT ON content BEGIN
    UPDATE totals SET objects = objects + 1, bytes = bytes + NEW.size WHERE kind = NEW.kind;
  END;
  CREATE TRIGGER content_removed AFTER DELETE ON content BEGIN
    UPDATE totals SET objects = objects - 1, bytes = bytes - OLD.size WHERE kind = OLD.kind;
  END;
  CREATE TRIGGER content_changed AFTER UPDATE OF size, media_type, is_reused, pinned ON content
  WHEN OLD.kind <> NEW.kind OR OLD.size <> NEW.size BEGIN
    UPDATE totals SET objects = objects - 1, bytes = bytes - OLD.size WHERE kind = OLD.kind;
    UPDATE totals SET objects = objects + 1, bytes = bytes + NEW.size WHERE kind = NEW.kind;
  END;
`;

/** What makes each version of the one before it. */
const migrations = [tables, eviction, imagesMigration];
const schemaVersion = migrations.length;

/**
 * Opens the catalog for writing; what cannot be read is moved to `catalog.db.damaged` and replaced.
 * Throws what SQLite says when there is no space or no permission. Only for the store's owner.
 */
export function openCatalogDatabase(path: string): { readonly db: DatabaseSync; readonly state: CatalogState } {
  // Made anew from the -wal file by whoever opens first; a damaged one would be believed.
  rmSync(`${path}-shm`, { force: true, recursive: true });
  const isMissing = !existsSync(path);
  if (isMissing) rmSync(`${path}-wal`, { force: true, recursive: true });
  const isUnclean = existsSync(`${path}-wal`);
  // An empty file says as little as none.
  const isNew = isMissing || (!isUnclean && statSync(path).size === 0);
  try {
    return { db: openChecked(path), state: isNew ? 'new' : isUnclean ? 'unclean' : 'clean' };
  } catch (error) {
    // ERROR: tables that are missing or are not ours.
    if (!isDamage(error) && sqliteCode(error) !== sqliteCodes.error) throw error;
    moveAside(path);
    return { db: openChecked(path), state: 'damaged' };
  }
}

/** A mark that the next start must not believe this database. */
export function damageMark(path: string): string {
  return `${path}.is-damaged`;
}

/** True for errors that say that the database itself is bad, not the disk under it. */
export function isDamage(error: unknown): boolean {
  if (error instanceof DamageError) return true;
  const code = sqliteCode(error);
  return code === sqliteCodes.corrupt || code === sqliteCodes.notADatabase;
}

/** The database is bad in a way that SQLite did not see. */
export class DamageError extends Error {}

function openChecked(path: string): DatabaseSync {
  if (existsSync(damageMark(path))) throw new DamageError('the catalog was found damaged while it was in use');
  if (existsSync(path) && !statSync(path).isFile()) throw new DamageError('the catalog is not a file');
  const db = new DatabaseSync(path, { timeout: busyMs });
  try {
    // NORMAL: a killed process loses nothing; a power cut may lose the last rows, which the files make good.
    db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA journal_size_limit = 67108864;');
    prepareSchema(db, path);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

function prepareSchema(db: DatabaseSync, path: string): void {
  const version = Number(db.prepare('PRAGMA user_version').get()?.['user_version']);
  if (version === 0 && db.prepare('SELECT 1 FROM sqlite_schema').get() !== undefined) {
    throw new DamageError('the catalog has no version');
  }
  if (version > schemaVersion) throw new DamageError('the catalog has an unknown schema');
  if (version > 0 && statSync(path).size <= maxCheckedBytes) {
    const verdict = db.prepare('PRAGMA quick_check(1)').get()?.['quick_check'];
    if (verdict !== 'ok') throw new DamageError('the catalog fails its check');
  }
  const missing = migrations.slice(version);
  if (missing.length === 0) return checkTables(db);
  db.exec(`BEGIN IMMEDIATE; ${missing.join('')} PRAGMA user_version = ${schemaVersion}; COMMIT;`);
}

/** Tables that are not ours show at the start, and not when they are first read. */
function checkTables(db: DatabaseSync): void {
  db.prepare(
    'SELECT kind, last_used FROM content, totals USING (kind), tags, links, children, pins, state, sizes, repositories LIMIT 0',
  );
}

/** One damaged catalog is kept for whoever wants to look at it. */
function moveAside(path: string): void {
  const aside = `${path}.damaged`;
  rmSync(aside, { force: true, recursive: true });
  if (existsSync(path)) renameSync(path, aside);
  for (const suffix of ['-wal', '-shm']) rmSync(`${path}${suffix}`, { force: true, recursive: true });
  rmSync(damageMark(path), { force: true });
}
