// The catalog's writing connection: batches of changes, one transaction each, off the event loop.
import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite';
import { compareWithFiles } from './catalog-compare.ts';
import { applyPins } from './catalog-pins.ts';
import type { CatalogChange, CatalogReply, CatalogRequest } from './catalog-protocol.ts';
import { openCatalogDatabase } from './catalog-schema.ts';
import { tidy } from './catalog-tidy.ts';
import { createImageSizes } from './image-sizes.ts';
import { serveRequests } from './worker-service.ts';

let connection: { readonly db: DatabaseSync; readonly apply: (change: CatalogChange) => void } | undefined;
let path = '';
/** The start has better things to do, and so have the pulls. */
const tidyAfterMs = 1000;
const tidyEveryMs = 20;

function open(): CatalogReply {
  const { db, state } = openCatalogDatabase(path);
  connection = { db, apply: createApply(db) };
  tidySlowly(db, tidy(db), tidyAfterMs);
  return state;
}

/** Between the batches; what fails is left to the next start. */
function tidySlowly(db: DatabaseSync, steps: Iterator<void>, delayMs: number): void {
  const step = (): void => {
    try {
      if (db === connection?.db && steps.next().done !== true) tidySlowly(db, steps, tidyEveryMs);
    } catch {
      // A disk that is full, for one: whoever writes next says so.
    }
  };
  setTimeout(step, delayMs).unref();
}

function applyAll(changes: readonly CatalogChange[]): void {
  // The disk may have been full when the catalog was to be opened.
  if (connection === undefined) open();
  if (connection === undefined) return;
  const { db, apply } = connection;
  db.exec('BEGIN IMMEDIATE');
  try {
    for (const change of changes) apply(change);
    db.exec('COMMIT');
  } catch (error) {
    // After a full disk SQLite may have rolled back by itself.
    if (db.isTransaction) db.exec('ROLLBACK');
    throw error;
  }
}

function createApply(db: DatabaseSync): (change: CatalogChange) => void {
  const prepared = new Map<string, StatementSync>();
  const sizes = createImageSizes(db);
  const run = (sql: string, ...values: readonly SQLInputValue[]) => {
    const statement = prepared.get(sql) ?? db.prepare(sql);
    prepared.set(sql, statement);
    statement.run(...values);
  };
  return (change) => {
    switch (change.type) {
      case 'add-content': {
        const { digest, sizeBytes, provenance, mediaType, lastUsedMs, hits } = change.record;
        run(statements.addContent, digest, sizeBytes, provenance, mediaType ?? null, lastUsedMs, lastUsedMs, hits);
        return;
      }
      case 'promote-content':
        run(statements.promote, change.digest);
        return;
      case 'remove-content':
        run(statements.removeContent, change.digest);
        run(statements.removeChildren, change.digest);
        run(statements.removeLinks, change.digest);
        sizes.removed(change.digest);
        return;
      case 'touch-content':
        run(statements.touch, change.lastUsedMs, change.hits, change.digest);
        run(statements.touchListed, change.lastUsedMs, change.digest, change.digest);
        return;
      case 'set-children':
        run(statements.removeChildren, change.manifest);
        for (const { digest, sizeBytes, mediaType } of change.children) {
          run(statements.addChild, change.manifest, digest, sizeBytes, mediaType);
        }
        sizes.listed(change.manifest);
        return;
      case 'add-link':
        run(statements.addLink, change.repository.upstream, change.repository.repository, change.digest);
        return;
      case 'set-tag': {
        const { digest, checkedMs, etag } = change.record;
        const { upstream, repository } = change.repository;
        run(statements.setTag, upstream, repository, change.tag, digest, Math.floor(checkedMs), etag ?? null);
        return;
      }
      case 'remove-tag':
        run(statements.removeTag, change.repository.upstream, change.repository.repository, change.tag);
        return;
      case 'add-pin':
        run(statements.addPin, JSON.stringify(change.pin));
        return;
      case 'remove-pin':
        run(statements.removePin, JSON.stringify(change.pin));
        return;
      case 'apply-pins':
        applyPins(db, change.pins);
        return;
      case 'set-state':
        run(statements.setState, change.key, change.value);
        return;
    }
  };
}

const statements = {
  addContent: `INSERT INTO content (digest, size, provenance, media_type, first_used, last_used, hits)
    VALUES (?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET size = excluded.size, provenance = excluded.provenance, media_type = excluded.media_type,
      last_used = excluded.last_used, hits = excluded.hits`,
  promote: `UPDATE content SET provenance = 'public' WHERE digest = ?`,
  removeContent: 'DELETE FROM content WHERE digest = ?',
  removeChildren: 'DELETE FROM children WHERE manifest = ?',
  removeLinks: 'DELETE FROM links WHERE digest = ?',
  touch: 'UPDATE content SET last_used = ?, hits = hits + ?, is_reused = 1 WHERE digest = ?',
  // What an index lists are manifests: the layers are what those list.
  touchListed: `UPDATE content SET last_used = ?, is_reused = 1 WHERE digest IN (
    SELECT digest FROM children WHERE manifest = ? UNION
    SELECT listed.digest FROM children JOIN children AS listed ON listed.manifest = children.digest
    WHERE children.manifest = ?)`,
  addChild: 'INSERT OR IGNORE INTO children (manifest, digest, size, media_type) VALUES (?, ?, ?, ?)',
  addLink: 'INSERT OR IGNORE INTO links (upstream, repository, digest) VALUES (?, ?, ?)',
  setTag: `INSERT OR REPLACE INTO tags (upstream, repository, tag, digest, checked, etag) VALUES (?, ?, ?, ?, ?, ?)`,
  removeTag: 'DELETE FROM tags WHERE upstream = ? AND repository = ? AND tag = ?',
  addPin: 'INSERT OR IGNORE INTO pins (pin) VALUES (?)',
  removePin: 'DELETE FROM pins WHERE pin = ?',
  setState: 'INSERT OR REPLACE INTO state (key, value) VALUES (?, ?)',
};

function handle(request: CatalogRequest): CatalogReply {
  switch (request.type) {
    case 'open':
      path = request.path;
      return open();
    case 'apply':
      applyAll(request.changes);
      break;
    case 'compare':
      if (connection === undefined) throw new Error('the catalog is not open');
      return compareWithFiles(connection.db, request.blobsPath, request.prefix);
    case 'close':
      connection?.db.close();
      connection = undefined;
      break;
  }
  return undefined;
}

serveRequests(handle);
