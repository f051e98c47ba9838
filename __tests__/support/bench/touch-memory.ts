import { mkdtemp, open, rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';

const memoryFiles = '/dev/shm';
const pieceBytes = 8 * 1024 * 1024;

/**
 * Writes so many bytes into memory and frees it. A virtual machine has to ask its host for pages that it has not used
 * lately, which takes some seconds a gigabyte: whoever is the next to write a file would be measured with that, and
 * who comes after him would not. Takes at most half of the room that there is.
 */
export async function touchMemory(bytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(memoryFiles);
  const most = Math.min(bytes, (bavail * bsize) / 2);
  const directory = await mkdtemp(join(memoryFiles, 'stowage-bench-'));
  try {
    const file = await open(join(directory, 'touched'), 'w');
    try {
      const piece = Buffer.alloc(pieceBytes);
      for (let done = piece.length; done <= most; done += piece.length) await file.write(piece);
    } finally {
      await file.close();
    }
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
