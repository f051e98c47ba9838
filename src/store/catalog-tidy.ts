import type { DatabaseSync } from 'node:sqlite';

/** Rows looked at in one go: some milliseconds. */
const sliceRows = 1000;

/** Tables whose rows are about content, and their keys in the order of the primary key. */
const tables = [
  { name: 'tags', key: 'upstream, repository, tag', content: 'digest' },
  { name: 'links', key: 'upstream, repository, digest', content: 'digest' },
  { name: 'children', key: 'manifest, digest', content: 'manifest' },
];

/**
 * Deletes what is known of content that is not here: tags outlive their content, so that a purge does not cost a check;
 * here they end. Each step looks at some rows, so that others can write in between; a million rows take seconds.
 */
export function* tidy(db: DatabaseSync): Generator<void, void, undefined> {
  for (const { name, key, content } of tables) {
    const columns = key.split(', ');
    const marks = columns.map(() => '?').join(', ');
    const read = db.prepare(`SELECT ${key}, EXISTS (SELECT 1 FROM content WHERE content.digest = ${name}.${content})
      AS is_here FROM ${name} WHERE (${key}) > (${marks}) ORDER BY ${key} LIMIT ${sliceRows}`);
    const remove = db.prepare(`DELETE FROM ${name} WHERE (${key}) = (${marks})`);
    let last = columns.map(() => '');
    for (;;) {
      const rows = read.all(...last);
      const keyOf = (row: (typeof rows)[number]): string[] => columns.map((column) => String(row[column]));
      for (const row of rows) if (row['is_here'] === 0) remove.run(...keyOf(row));
      const end = rows.at(-1);
      if (end === undefined) break;
      last = keyOf(end);
      yield;
    }
  }
}
