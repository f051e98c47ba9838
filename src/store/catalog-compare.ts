import { readdirSync } from 'node:fs';
import type { DatabaseSync } from 'node:sqlite';
import { isDigest, type Digest } from '../oci/digest.ts';
import type { Provenance } from '../oci/provenance.ts';
import type { ObjectName } from './content-store.ts';
import { isMissing } from './files.ts';
import { listDigests, prefixDirectory } from './paths.ts';

/** Where rows and files do not say the same. */
export interface Differences {
  /** All files of digests that have no row, one of another provenance, or more than one file. */
  readonly odd: readonly (readonly ObjectName[])[];
  /** Rows without any file. */
  readonly lost: readonly Digest[];
}

const provenances: readonly Provenance[] = ['public', 'restricted'];

/**
 * Compares the rows of one prefix (`sha256:ab`) with the names in its directories. Some milliseconds for thousands of
 * objects, and nothing of those that agree leaves this thread: for the catalog's worker. Throws what disk or SQLite say.
 */
export function compareWithFiles(db: DatabaseSync, blobsPath: string, prefix: string): Differences {
  const rows = new Map<string, Provenance>();
  const select = db.prepare('SELECT digest, provenance FROM content WHERE digest >= ? AND digest < ?');
  for (const row of select.iterate(prefix, `${prefix}~`)) {
    rows.set(String(row['digest']), row['provenance'] === 'public' ? 'public' : 'restricted');
  }
  const files = new Map<Digest, Provenance[]>();
  for (const provenance of provenances) {
    const names = readNames(prefixDirectory(blobsPath, provenance, prefix));
    for (const digest of listDigests(names, prefix)) {
      const found = files.get(digest);
      if (found === undefined) files.set(digest, [provenance]);
      else found.push(provenance);
    }
  }
  const odd: ObjectName[][] = [];
  for (const [digest, found] of files) {
    const isAsBooked = found.length === 1 && rows.get(digest) === found[0];
    if (!isAsBooked) odd.push(found.map((provenance) => ({ digest, provenance })));
    rows.delete(digest);
  }
  return { odd, lost: [...rows.keys()].filter(isDigest) };
}

function readNames(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}
