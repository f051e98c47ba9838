// A disk that is full soon.
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** The owner must `close` it: that unmounts it. */
export interface SmallDisk {
  /** An empty directory in it. */
  readonly path: string;
  close(): Promise<void>;
}

/** A tmpfs of so many bytes. Only root may mount one. */
export async function mountSmallDisk(sizeBytes: number): Promise<SmallDisk> {
  const directory = await mkdtemp(join(tmpdir(), 'stowage-disk-'));
  await run('mount', ['-t', 'tmpfs', '-o', `size=${sizeBytes}`, 'stowage-measure', directory]);
  const path = join(directory, 'cache');
  await mkdir(path, { mode: 0o700 });
  return {
    path,
    async close() {
      // Somebody who still has a file open must not keep it mounted.
      await run('umount', [directory]).catch(() => run('umount', ['--lazy', directory]));
      await rm(directory, { recursive: true, force: true });
    },
  };
}
