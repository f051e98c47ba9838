// What lies on the disk of a cache: how much, where, and whether it is what it says it is.
import { createHash } from 'node:crypto';
import { createReadStream, readdirSync, readlinkSync, statSync } from 'node:fs';
import { lstat, open, stat, utimes } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { listCacheFiles } from '../cache-files.ts';
import type { MirrorProcess } from '../mirror-process.ts';
import { sleep } from './bench.ts';

export interface DiskUse {
  readonly files: number;
  /** What the files take on the disk: holes count nothing. */
  readonly heldBytes: number;
  /** The sum of their lengths. */
  readonly sizeBytes: number;
}

/** What these folders of a cache hold now. Files that go meanwhile are left out. */
export async function measureDisk(cachePath: string, folders?: readonly string[]): Promise<DiskUse> {
  const names = await listCacheFiles(cachePath, folders);
  const facts = await Promise.all(names.map((name) => lstat(join(cachePath, name)).catch(() => undefined)));
  const found = facts.filter((fact) => fact !== undefined);
  return {
    files: found.length,
    heldBytes: found.reduce((sum, { blocks }) => sum + blocks * 512, 0),
    sizeBytes: found.reduce((sum, { size }) => sum + size, 0),
  };
}

/** What a process holds under this path in files that have no name any more. */
export function measureUnlinked(pid: number, cachePath: string): number {
  let heldBytes = 0;
  for (const name of readdirSync(`/proc/${pid}/fd`)) {
    const link = `/proc/${pid}/fd/${name}`;
    try {
      const target = readlinkSync(link);
      if (target.startsWith(`${cachePath}/`) && target.endsWith(' (deleted)')) heldBytes += statSync(link).blocks * 512;
    } catch {
      // Closed meanwhile.
    }
  }
  return heldBytes;
}

export interface DiskPeaks {
  /** The most that was ever held by files with a name, and together with those without. */
  readonly namedBytes: number;
  readonly allBytes: number;
  readonly looks: number;
}

/** Looks at a mirror's cache every 100 ms until `stop`. */
export function watchDisk({ pid, cachePath }: Pick<MirrorProcess, 'pid' | 'cachePath'>): {
  stop(): Promise<DiskPeaks>;
} {
  let isStopped = false;
  let peaks: DiskPeaks = { namedBytes: 0, allBytes: 0, looks: 0 };
  const watching = (async () => {
    while (!isStopped) {
      const { heldBytes } = await measureDisk(cachePath);
      const allBytes = heldBytes + measureUnlinked(pid, cachePath);
      peaks = {
        namedBytes: Math.max(peaks.namedBytes, heldBytes),
        allBytes: Math.max(peaks.allBytes, allBytes),
        looks: peaks.looks + 1,
      };
      await sleep(100);
    }
  })();
  return {
    async stop() {
      isStopped = true;
      await watching;
      return peaks;
    },
  };
}

/** Where public content of this digest lies, or would lie. */
export function blobPathOf(cachePath: string, digest: string): string {
  const [algorithm = '', hex = ''] = digest.split(':');
  return join(cachePath, 'blobs', 'public', algorithm, hex.slice(0, 2), hex);
}

/** The files under `blobs/` whose bytes are not those of their name. */
export async function findWrongBlobs(cachePath: string): Promise<readonly string[]> {
  const wrong: string[] = [];
  for (const name of await listCacheFiles(cachePath, ['blobs'])) {
    const hash = createHash('sha256');
    for await (const bytes of createReadStream(join(cachePath, name))) hash.update(bytes as Buffer);
    if (hash.digest('hex') !== basename(name)) wrong.push(name);
  }
  return wrong;
}

/** Changes one bit of the byte at this offset, as a failing disk does: the file's times stay. */
export async function flipByte(path: string, offset: number): Promise<void> {
  const { atime, mtime } = await stat(path);
  const handle = await open(path, 'r+');
  try {
    const byte = new Uint8Array(1);
    await handle.read(byte, 0, 1, offset);
    await handle.write(Uint8Array.of((byte[0] ?? 0) ^ 1), 0, 1, offset);
  } finally {
    await handle.close();
  }
  await utimes(path, atime, mtime);
}
