import type { DatabaseSync } from 'node:sqlite';
import { isIndexType, mediaTypes } from '../oci/media-type.ts';

const indexTypes = Object.values(mediaTypes)
  .filter(isIndexType)
  .map((type) => `'${type}'`)
  .join(', ');

/**
 * Two tables for a query that binds or names a digest as `digest`: `manifests`, what is here of the manifests that it
 * leads to, itself among them, and `parts`, the config and layers that those list, each once.
 */
export function imageTables(digest: string): string {
  return `WITH RECURSIVE manifests (digest, is_index) AS (
      SELECT digest, media_type IN (${indexTypes}) FROM content WHERE digest = ${digest} AND media_type IS NOT NULL
      UNION
      SELECT content.digest, content.media_type IN (${indexTypes}) FROM manifests
        CROSS JOIN children ON children.manifest = manifests.digest
        CROSS JOIN content ON content.digest = children.digest
        WHERE manifests.is_index AND content.media_type IS NOT NULL
    ), parts (digest, size) AS (
      SELECT children.digest, max(children.size) FROM manifests
        CROSS JOIN children ON children.manifest = manifests.digest WHERE NOT manifests.is_index GROUP BY children.digest
    )`;
}

const sizeOf = (digest: string): string => `${imageTables(digest)} SELECT coalesce(sum(size), 0) FROM parts`;

/**
 * Version 3: what the lists of images and repositories are searched in and sorted by. Sizes are kept, since a hundred
 * thousand images list a million layers; they change only when a manifest comes or goes. Of repositories whose content
 * is gone the next start takes the row.
 */
export const imagesMigration = `
  CREATE INDEX tags_by_digest ON tags (digest);
  CREATE INDEX manifests_by_hits ON content (hits) WHERE media_type IS NOT NULL;
  CREATE TABLE sizes (manifest TEXT PRIMARY KEY, bytes INTEGER NOT NULL) WITHOUT ROWID;
  INSERT INTO sizes SELECT digest, (${sizeOf('manifest.digest')}) FROM content AS manifest WHERE media_type IS NOT NULL;
  CREATE INDEX sizes_by_bytes ON sizes (bytes);
  CREATE TABLE repositories (upstream TEXT NOT NULL, repository TEXT NOT NULL, PRIMARY KEY (upstream, repository))
    WITHOUT ROWID;
  INSERT INTO repositories SELECT upstream, repository FROM links UNION SELECT upstream, repository FROM tags;
  CREATE TRIGGER link_added AFTER INSERT ON links BEGIN
    INSERT OR IGNORE INTO repositories VALUES (NEW.upstream, NEW.repository);
  END;
  CREATE TRIGGER tag_added AFTER INSERT ON tags BEGIN
    INSERT OR IGNORE INTO repositories VALUES (NEW.upstream, NEW.repository);
  END;
`;

/** Keeps `sizes` true; within the transaction of the change. */
export interface ImageSizes {
  /** The manifest is here, and so is what it lists. */
  listed(manifest: string): void;
  /** Harmless for what was no manifest. */
  removed(manifest: string): void;
}

export function createImageSizes(db: DatabaseSync): ImageSizes {
  const set = db.prepare(`INSERT OR REPLACE INTO sizes SELECT digest, (${sizeOf('manifest.digest')})
    FROM content AS manifest WHERE digest = ? AND media_type IS NOT NULL`);
  const remove = db.prepare('DELETE FROM sizes WHERE manifest = ?');
  const listedBy = db.prepare(`WITH RECURSIVE above (digest) AS (
      SELECT manifest FROM children WHERE digest = ?
      UNION SELECT children.manifest FROM above CROSS JOIN children ON children.digest = above.digest
    ) SELECT digest FROM above`);
  const setAbove = (manifest: string): void => {
    for (const { digest } of listedBy.all(manifest)) set.run(String(digest));
  };
  return {
    listed(manifest) {
      set.run(manifest);
      setAbove(manifest);
    },
    removed(manifest) {
      if (Number(remove.run(manifest).changes) > 0) setAbove(manifest);
    },
  };
}
