import type { DatabaseSync } from 'node:sqlite';
import { pinsRepository, pinsTag, type ImagePin, type Pin } from '../oci/pin.ts';

/** Manifests that list manifests that list manifests: deeper than any image. */
const maxDepth = 8;

/**
 * Marks the content that these pins mean, with all that it lists, as pinned, and takes the mark from all other. Reads all
 * tags; for the catalog's worker, within a transaction.
 */
export function applyPins(db: DatabaseSync, pins: readonly Pin[]): void {
  db.exec('CREATE TEMP TABLE IF NOT EXISTS kept (digest TEXT PRIMARY KEY) WITHOUT ROWID; DELETE FROM kept;');
  const keep = db.prepare('INSERT OR IGNORE INTO kept (digest) VALUES (?)');
  for (const pin of pins) if (pin.type === 'digest') keep.run(pin.digest);
  const images = pins.filter((pin) => pin.type === 'image');
  if (images.length > 0) {
    for (const digest of findTagged(db, images)) keep.run(digest);
    for (const digest of findLinked(db, images)) keep.run(digest);
  }
  for (let depth = 0; depth < maxDepth && addChildren(db) > 0; depth += 1);
  db.exec(`
    UPDATE content SET pinned = 0 WHERE kind = 'pinned' AND digest NOT IN (SELECT digest FROM kept);
    UPDATE content SET pinned = 1 WHERE pinned = 0 AND digest IN (SELECT digest FROM kept);
  `);
}

function findTagged(db: DatabaseSync, pins: readonly ImagePin[]): readonly string[] {
  const found: string[] = [];
  for (const row of db.prepare('SELECT upstream, repository, tag, digest FROM tags').iterate()) {
    const repository = { upstream: String(row['upstream']), repository: String(row['repository']) };
    if (pins.some((pin) => pinsTag(pin, repository, String(row['tag'])))) found.push(String(row['digest']));
  }
  return found;
}

/** What is known of repositories that are pinned as a whole. */
function findLinked(db: DatabaseSync, pins: readonly ImagePin[]): readonly string[] {
  const whole = pins.filter(({ tag }) => tag === undefined);
  if (whole.length === 0) return [];
  // From one repository to the next: SELECT DISTINCT would read every link.
  const next = db.prepare(`SELECT upstream, repository FROM links WHERE (upstream, repository) > (?, ?)
    ORDER BY upstream, repository LIMIT 1`);
  const linked = db.prepare('SELECT digest FROM links WHERE upstream = ? AND repository = ?');
  const found: string[] = [];
  let row = next.get('', '');
  while (row !== undefined) {
    const id = { upstream: String(row['upstream']), repository: String(row['repository']) };
    if (whole.some((pin) => pinsRepository(pin, id))) {
      found.push(...linked.all(id.upstream, id.repository).map(({ digest }) => String(digest)));
    }
    row = next.get(id.upstream, id.repository);
  }
  return found;
}

function addChildren(db: DatabaseSync): number {
  const { changes } = db
    .prepare('INSERT OR IGNORE INTO kept SELECT children.digest FROM children JOIN kept ON kept.digest = manifest')
    .run();
  return Number(changes);
}
