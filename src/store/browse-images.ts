import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { parseDigest, type Digest } from '../oci/digest.ts';
import { pinsRepository } from '../oci/pin.ts';
import type { RepositoryId } from '../oci/reference.ts';
import {
  maxCounted,
  maxNames,
  type Belonging,
  type ImageId,
  type Links,
  type PurgePlan,
  type PurgeQuestion,
  type Sharing,
} from './browse-protocol.ts';

/** A layer of a base image may be in any number of manifests: these are enough to have something to say. */
const maxManifests = 5000;

/** For each object the cached tags beside this image that lead to it, by way of an image or of an index. */
export function findSharing(db: DatabaseSync, image: ImageId, digests: readonly Digest[]): readonly Sharing[] {
  const isOther =
    image.tag === undefined
      ? 'NOT (upstream = :upstream AND repository = :repository AND tags.digest = :own)'
      : 'NOT (upstream = :upstream AND repository = :repository AND tag = :own)';
  const find = db.prepare(`WITH RECURSIVE above (digest) AS (
      SELECT manifest FROM (SELECT manifest FROM children WHERE digest = :digest LIMIT ${maxManifests})
      UNION SELECT children.manifest FROM above CROSS JOIN children ON children.digest = above.digest
    ) SELECT upstream, repository, tag FROM above CROSS JOIN tags ON tags.digest = above.digest
    WHERE ${isOther} LIMIT ${maxCounted}`);
  const { upstream, repository, tag: own = image.digest } = image;
  return digests.map((digest) => {
    const images = find.all({ digest, upstream, repository, own }).map((row) => ({
      upstream: String(row['upstream']),
      repository: String(row['repository']),
      tag: String(row['tag']),
    }));
    const key = (one: (typeof images)[number]) => `${one.upstream} ${one.repository} ${one.tag}`;
    const sorted = images.toSorted((a, b) => (key(a) < key(b) ? -1 : 1));
    return { digest, images: sorted.slice(0, maxNames), count: images.length };
  });
}

export function findBelonging(db: DatabaseSync, { upstream, repository }: RepositoryId, digest: Digest): Belonging {
  const tags = db
    .prepare('SELECT tag FROM tags WHERE digest = ? AND upstream = ? AND repository = ?')
    .all(digest, upstream, repository);
  const link = (isHere: string) =>
    db
      .prepare(`SELECT 1 FROM links WHERE digest = ? AND ${isHere} (upstream = ? AND repository = ?) LIMIT 1`)
      .get(digest, upstream, repository);
  return {
    tags: tags.map(({ tag }) => String(tag)),
    isLinked: link('') !== undefined,
    isLinkedElsewhere: link('NOT') !== undefined,
  };
}

export function findLinks(db: DatabaseSync, digest: Digest): Links {
  const rows = db.prepare(`SELECT upstream, repository FROM links WHERE digest = ? LIMIT ${maxCounted}`).all(digest);
  const all = rows.map((row) => ({ upstream: String(row['upstream']), repository: String(row['repository']) }));
  const sorted = all.toSorted((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
  return { repositories: sorted.slice(0, maxNames), count: all.length };
}

function nameOf({ upstream, repository }: RepositoryId): string {
  return `${upstream} ${repository}`;
}

/** What can go with a manifest: it and what it leads to, less what another tag, a pin or a manifest that stays needs. */
export function planPurge(db: DatabaseSync, question: PurgeQuestion): PurgePlan {
  const all = listLedTo(db, question.digest);
  const isHeld = createHeldTest(db, question);
  const parents = db.prepare('SELECT manifest FROM children WHERE digest = ?');
  const going = new Set(all.filter((one) => !isHeld(one)));
  // What stays keeps what it lists, and so on down.
  for (let before = -1; before !== going.size;) {
    before = going.size;
    for (const one of going) if (hasParentOutside(parents, one, going)) going.delete(one);
  }
  return { removed: [...going], kept: all.length - going.size };
}

/** In the order in which they are found: manifests before what they list. */
function listLedTo(db: DatabaseSync, digest: Digest): readonly Digest[] {
  const rows = db
    .prepare(
      `WITH RECURSIVE below (digest) AS (
        SELECT ? UNION SELECT children.digest FROM below CROSS JOIN children ON children.manifest = below.digest
      ) SELECT below.digest AS digest FROM below CROSS JOIN content ON content.digest = below.digest`,
    )
    .all(digest);
  return rows.map((row) => parseDigest(String(row['digest'])));
}

/** Not all are read: a base layer has many. */
function hasParentOutside(parents: StatementSync, digest: Digest, going: ReadonlySet<string>): boolean {
  for (const { manifest } of parents.iterate(digest)) if (!going.has(String(manifest))) return true;
  return false;
}

function createHeldTest(db: DatabaseSync, { repository: own, tags, pins }: PurgeQuestion): (digest: Digest) => boolean {
  const tagged = db.prepare('SELECT upstream, repository, tag FROM tags WHERE digest = ?');
  const links = db.prepare('SELECT upstream, repository FROM links WHERE digest = ?');
  const pinned = new Set(pins.flatMap((pin) => (pin.type === 'digest' ? [pin.digest] : [])));
  // Pins of tags hold by way of the tags.
  const whole = pins.flatMap((pin) => (pin.type === 'image' && pin.tag === undefined ? [pin] : []));
  const isTagged = (digest: Digest): boolean => {
    for (const { upstream, repository, tag } of tagged.iterate(digest)) {
      const isOwn = upstream === own.upstream && repository === own.repository && tags.includes(String(tag));
      if (!isOwn) return true;
    }
    return false;
  };
  const isLinked = (digest: Digest): boolean => {
    for (const row of links.iterate(digest)) {
      const id = { upstream: String(row['upstream']), repository: String(row['repository']) };
      if (whole.some((pin) => pinsRepository(pin, id))) return true;
    }
    return false;
  };
  return (digest) => isTagged(digest) || pinned.has(digest) || (whole.length > 0 && isLinked(digest));
}
