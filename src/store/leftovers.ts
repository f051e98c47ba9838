import { join } from 'node:path';
import type { Digest } from '../oci/digest.ts';
import type { Leftover } from './content-store.ts';
import type { FileSystem } from './file-system.ts';
import { isMissing, listNames, removeFile } from './files.ts';
import { findPartialDigest, findQuarantinedDigest, type StorePaths } from './paths.ts';

/** Parked partial files, but for those that are `running`, and what was put aside. */
export async function listLeftovers(
  fs: FileSystem,
  paths: StorePaths,
  running: ReadonlySet<Digest>,
): Promise<readonly Leftover[]> {
  const parked = await listFiles(fs, paths.fills, (name) => {
    const digest = findPartialDigest(name);
    return digest === undefined || running.has(digest) ? undefined : { type: 'parked', digest };
  });
  const quarantined = await listFiles(fs, paths.quarantine, (name) => {
    const digest = findQuarantinedDigest(name);
    return digest === undefined ? undefined : { type: 'quarantined', digest };
  });
  return [...parked, ...quarantined];
}

async function listFiles(
  fs: FileSystem,
  directory: string,
  identify: (name: string) => Pick<Leftover, 'type' | 'digest'> | undefined,
): Promise<readonly Leftover[]> {
  const found: Leftover[] = [];
  for (const name of await listNames(fs, directory)) {
    const facts = identify(name);
    if (facts === undefined) continue;
    try {
      const { blocks, mtimeMs } = await fs.lstat(join(directory, name));
      found.push({ ...facts, heldBytes: blocks * 512, changedMs: mtimeMs });
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
  }
  return found;
}

export async function removeLeftoverFiles(fs: FileSystem, paths: StorePaths, leftover: Leftover): Promise<void> {
  if (leftover.type === 'quarantined') return await removeFile(paths.quarantined(leftover.digest), fs);
  // Either alone is worth nothing to `begin`, so the order does not matter to a crash in between.
  await removeFile(paths.partial(leftover.digest), fs);
  await removeFile(paths.journal(leftover.digest), fs);
}
