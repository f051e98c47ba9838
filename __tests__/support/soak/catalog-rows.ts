// The catalog as another process may look at it: without changing anything that the mirror finds later.
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

/** An object, in a form to compare: `public sha256:… 123`. */
export type ObjectLine = string;

export function formatObject(provenance: string, digest: string, sizeBytes: number): ObjectLine {
  return `${provenance} ${digest} ${sizeBytes}`;
}

/**
 * The rows while the mirror runs: its own connections keep the files of the log open, so that a reader leaves
 * none behind. @throws what SQLite says
 */
export function readLiveRows(cachePath: string): readonly ObjectLine[] {
  return readRows(join(cachePath, 'catalog.db'));
}

/**
 * The rows while no mirror runs, from a copy: whoever opens the files themselves ends the log of a killed mirror,
 * or leaves one behind. @throws what SQLite says
 */
export async function readStoppedRows(cachePath: string): Promise<readonly ObjectLine[]> {
  const folder = await mkdtemp(join(tmpdir(), 'stowage-rows-'));
  try {
    for (const name of ['catalog.db', 'catalog.db-wal']) {
      if (existsSync(join(cachePath, name))) await cp(join(cachePath, name), join(folder, name));
    }
    return readRows(join(folder, 'catalog.db'));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function readRows(file: string): readonly ObjectLine[] {
  const db = new DatabaseSync(file, { readOnly: true, timeout: 1000 });
  try {
    const rows = db.prepare('SELECT provenance, digest, size FROM content').all();
    return rows.map((row) => formatObject(String(row['provenance']), String(row['digest']), Number(row['size'])));
  } finally {
    db.close();
  }
}
