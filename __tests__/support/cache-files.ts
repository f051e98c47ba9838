import { lstat, readdir } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { pollUntil } from './signal.ts';

/** Every file under these folders of a cache, as paths within it. */
export async function listCacheFiles(
  cachePath: string,
  folders: readonly string[] = ['blobs', 'fills', 'quarantine'],
): Promise<readonly string[]> {
  const found = await Promise.all(
    folders.map(async (folder) => {
      const entries = await readdir(join(cachePath, folder), { recursive: true, withFileTypes: true }).catch(() => []);
      return entries
        .filter((entry) => entry.isFile())
        .map((entry) => relative(cachePath, join(entry.parentPath, entry.name)));
    }),
  );
  return found.flat();
}

/** What is still there when nothing was to be kept, after giving it a moment to go. */
export async function untilCacheIsEmpty(cachePath: string): Promise<readonly string[]> {
  await pollUntil(async () => (await listCacheFiles(cachePath)).length === 0, { deadlineMs: 3000 }).catch(() => {});
  return listCacheFiles(cachePath);
}

/** Bytes that content, fills and what is in quarantine take on the disk. */
export async function measureCacheFiles(cachePath: string): Promise<number> {
  const files = await listCacheFiles(cachePath);
  // Those that go meanwhile take nothing.
  const facts = await Promise.all(files.map((file) => lstat(join(cachePath, file)).catch(() => undefined)));
  return facts.reduce((sum, fact) => sum + (fact?.blocks ?? 0) * 512, 0);
}
