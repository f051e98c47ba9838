import { writeFile } from 'node:fs/promises';

const refusals = ['EACCES', 'EPERM', 'EROFS', 'ENOENT'];

/**
 * Every file is read from the disk again. What rounds before have left in memory would slow down whoever comes later,
 * and not all mirrors alike. Needs root, and does nothing without; what is dirty stays.
 */
export async function emptyPageCache(): Promise<void> {
  try {
    await writeFile('/proc/sys/vm/drop_caches', '1');
  } catch (error) {
    if (!refusals.includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  }
}
