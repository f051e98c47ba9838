import { join } from 'node:path';
import { digestAlgorithm, digestHex, isDigest, type Digest } from '../oci/digest.ts';
import type { Provenance } from '../oci/provenance.ts';
import type { StoredObject } from './content-store.ts';

/** Where things are under `cache.path` (design, section 5). Names come from checked digests only. */
export interface StorePaths {
  readonly root: string;
  readonly blobs: string;
  readonly fills: string;
  readonly quarantine: string;
  readonly catalog: string;
  readonly lock: string;
  readonly owner: string;
  readonly format: string;
  /** There while files without rows are being looked for. */
  readonly restoring: string;
  /** The directory of an object and its file in it. */
  blobDirectory(object: Omit<StoredObject, 'sizeBytes'>): string;
  blob(object: Omit<StoredObject, 'sizeBytes'>): string;
  partial(digest: Digest): string;
  journal(digest: Digest): string;
  quarantined(digest: Digest): string;
}

export function createStorePaths(root: string): StorePaths {
  const blobs = join(root, 'blobs');
  const fills = join(root, 'fills');
  const blobDirectory: StorePaths['blobDirectory'] = ({ digest, provenance }) =>
    join(blobs, provenance, digestAlgorithm(digest), digestHex(digest).slice(0, 2));
  const quarantine = join(root, 'quarantine');
  return {
    root,
    blobs,
    fills,
    quarantine,
    catalog: join(root, 'catalog.db'),
    lock: join(root, 'lock'),
    owner: join(root, 'owner.json'),
    format: join(root, 'format'),
    restoring: join(root, 'catalog.restoring'),
    blobDirectory,
    blob: (object) => join(blobDirectory(object), digestHex(object.digest)),
    partial: (digest) => join(fills, `${flatName(digest)}.part`),
    journal: (digest) => join(fills, `${flatName(digest)}.journal`),
    quarantined: (digest) => join(quarantine, flatName(digest)),
  };
}

/** Where all lie in one directory. */
function flatName(digest: Digest): string {
  return `${digestAlgorithm(digest)}-${digestHex(digest)}`;
}

/** The objects among the names in the directory of this prefix (`sha256:ab`). */
export function listDigests(names: readonly string[], prefix: string): readonly Digest[] {
  const [algorithm = '', digits = ''] = prefix.split(':');
  return names.flatMap((hex) => {
    const digest = `${algorithm}:${hex}`;
    return isDigest(digest) && hex.startsWith(digits) ? [digest] : [];
  });
}

/** The directory, below `blobs`, of the objects with this prefix. */
export function prefixDirectory(blobs: string, provenance: Provenance, prefix: string): string {
  const [algorithm = '', digits = ''] = prefix.split(':');
  return join(blobs, provenance, algorithm, digits);
}

/** The digest that a partial file is named after, undefined for any other file in `fills/`. */
export function findPartialDigest(fileName: string): Digest | undefined {
  return findFlatDigest(/^(sha256|sha512)-([0-9a-f]+)\.part$/.exec(fileName));
}

/** The digest that a file in `quarantine/` was kept under, undefined for any other file there. */
export function findQuarantinedDigest(fileName: string): Digest | undefined {
  return findFlatDigest(/^(sha256|sha512)-([0-9a-f]+)$/.exec(fileName));
}

function findFlatDigest(match: RegExpExecArray | null): Digest | undefined {
  const digest = match === null ? '' : `${match[1]}:${match[2]}`;
  return isDigest(digest) ? digest : undefined;
}
