import { mkdir, open, readdir, stat, statfs, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { DiskFacts } from './disk-room.ts';
import { removeFile, renameDurably, syncDirectory } from './files.ts';
import { nodeFileSystem } from './file-system.ts';
import { findPartialDigest, type StorePaths } from './paths.ts';
import { StoreStartError } from './start-error.ts';

/** Where there are fewer to spare, 256 directories are not made before they are wanted. */
const plentyOfFiles = 100_000;

/**
 * Makes what is missing; gives whether there was nothing where content is kept.
 * @throws StoreStartError, or what the system says of a directory it cannot write
 */
export async function makeDirectories(paths: StorePaths): Promise<boolean> {
  for (const directory of [paths.fills, paths.quarantine]) await makeDirectory(directory);
  const isNew = await makeDirectory(paths.blobs);
  for (const provenance of ['public', 'restricted']) {
    for (const algorithm of ['sha256', 'sha512']) await makeDirectory(join(paths.blobs, provenance, algorithm));
  }
  await makeUsualDirectories(paths);
  // Content moves from one to the other by its name alone.
  const { dev } = await stat(paths.blobs);
  for (const directory of [paths.fills, paths.quarantine]) {
    if ((await stat(directory)).dev === dev) continue;
    const message = `${directory} and ${paths.blobs} are on different file systems; they must be on one`;
    throw new StoreStartError('STORE_LAYOUT', message);
  }
  return isNew;
}

/**
 * Where nearly all content goes: made once, since to make a directory durable costs as much as a small object.
 */
async function makeUsualDirectories(paths: StorePaths): Promise<void> {
  const parent = join(paths.blobs, 'public', 'sha256');
  const there = new Set(await readdir(parent));
  const all = Array.from({ length: 256 }, (_, i) => i.toString(16).padStart(2, '0'));
  const missing = all.filter((name) => !there.has(name));
  if (missing.length === 0 || (await readDisk(paths)).freeFiles < plentyOfFiles) return;
  try {
    await Promise.all(missing.map((name) => makeDirectory(join(parent, name))));
    await syncDirectory(parent);
  } catch {
    // Whoever needs one makes it, and reports what the disk says.
  }
}

/**
 * With those above it; false when it is there already. Node's own `recursive` tries for ever where nothing can be made,
 * as below /proc.
 */
export async function makeDirectory(path: string): Promise<boolean> {
  try {
    return await makeOne(path);
  } catch (error) {
    const parent = dirname(path);
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || parent === path) throw error;
    await makeDirectory(parent);
    return await makeOne(path);
  }
}

async function makeOne(path: string): Promise<boolean> {
  try {
    await mkdir(path, { mode: 0o700 });
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'EEXIST' || !(await stat(path)).isDirectory()) throw error;
    return false;
  }
}

/**
 * Whoever wrote here is gone: the lock is ours. Partial files stay for the next fill, or until they expire; without a
 * journal nothing is known of what is in them.
 */
export async function sweepFills(paths: StorePaths): Promise<void> {
  const names = await readdir(paths.fills);
  const all = new Set(names);
  const isKept = (name: string) => {
    const [stem = '', extension, ...others] = name.split('.');
    const isOurs = findPartialDigest(`${stem}.part`) !== undefined && others.length === 0;
    if (!isOurs) return false;
    return extension === 'part' ? all.has(`${stem}.journal`) : extension === 'journal' && all.has(`${stem}.part`);
  };
  for (const name of names) if (!isKept(name)) await removeFile(join(paths.fills, name));
}

export async function readDisk(paths: StorePaths): Promise<DiskFacts> {
  const { bavail, blocks, bsize, files, ffree } = await statfs(paths.root);
  return { freeBytes: bavail * bsize, totalBytes: blocks * bsize, freeFiles: files === 0 ? Infinity : ffree };
}

/** Does to the disk what the store does: write, make durable, rename, delete. Rejects with what it refuses. */
export async function probeDisk(paths: StorePaths): Promise<void> {
  const [from, to] = [join(paths.fills, 'probe-1.tmp'), join(paths.fills, 'probe-2.tmp')];
  try {
    const handle = await open(from, 'w', 0o600);
    try {
      await handle.writeFile(Buffer.alloc(64 * 1024));
      await handle.sync();
    } finally {
      await handle.close();
    }
    await renameDurably(nodeFileSystem, from, to);
    await unlink(to);
  } catch (error) {
    for (const name of [from, to]) await removeFile(name).catch(() => undefined);
    throw error;
  }
}
