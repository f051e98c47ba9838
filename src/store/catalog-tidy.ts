import type { DatabaseSync } from 'node:sqlite';

/** Rows looked at in one go: some milliseconds. */
const sliceRows = 1000;

const isGone = (content: string): string => `NOT EXISTS (SELECT 1 FROM content WHERE content.digest = ${content})`;
const isUnknownTo = (table: string): string => `NOT EXISTS (SELECT 1 FROM ${table}
  WHERE (${table}.upstream, ${table}.repository) = (repositories.upstream, repositories.repository))`;

/** Tables whose rows are about content, and their keys in the order of the primary key; the last is about the others. */
const tables = [
  { name: 'tags', key: 'upstream, repository, tag', isOver: isGone('tags.digest') },
  { name: 'links', key: 'upstream, repository, digest', isOver: isGone('links.digest') },
  { name: 'children', key: 'manifest, digest', isOver: isGone('children.manifest') },
  { name: 'repositories', key: 'upstream, repository', isOver: `${isUnknownTo('links')} AND ${isUnknownTo('tags')}` },
];

/**
 * Deletes what is known of content that is not here: tags outlive their content, so that a purge does not cost a check;
 * here they end. Each step looks at some rows, so that others can write in between; a million rows take seconds.
 */
export function* tidy(db: DatabaseSync): Generator<void, void, undefined> {
  for (const { name, key, isOver } of tables) {
    const columns = key.split(', ');
    const marks = columns.map(() => '?').join(', ');
    const after = `FROM ${name} WHERE (${key}) > (${marks})`;
    // The last row of a slice: nothing else of it need leave the database.
    const findEnd = db.prepare(`SELECT ${key} ${after} ORDER BY ${key} LIMIT 1 OFFSET ${sliceRows - 1}`);
    const removeSlice = db.prepare(`DELETE ${after} AND (${key}) <= (${marks}) AND ${isOver}`);
    const removeRest = db.prepare(`DELETE ${after} AND ${isOver}`);
    let last = columns.map(() => '');
    for (;;) {
      const row = findEnd.get(...last);
      if (row === undefined) break;
      const end = columns.map((column) => String(row[column]));
      removeSlice.run(...last, ...end);
      last = end;
      yield;
    }
    removeRest.run(...last);
    yield;
  }
}
