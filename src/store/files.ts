import { constants } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { nodeFileSystem, type FileSystem } from './file-system.ts';
import { isRecord } from './record.ts';

/** The code of a system or SQLite error (`ENOSPC`, …), undefined for anything else. */
export function errorCode(error: unknown): string | undefined {
  const code = isRecord(error) ? error['code'] : undefined;
  return typeof code === 'string' ? code : undefined;
}

/** True when the error says that there is no such file. */
export function isMissing(error: unknown): boolean {
  const code = errorCode(error);
  return code === 'ENOENT' || code === 'ENOTDIR';
}

/** True when the error says that there is no room: bytes, inodes, or somebody's quota. */
export function isDiskFull(error: unknown): boolean {
  const code = errorCode(error);
  return code === 'ENOSPC' || code === 'EDQUOT';
}

/** Deletes a file; harmless when it is absent. */
export async function removeFile(path: string, fs: FileSystem = nodeFileSystem): Promise<void> {
  try {
    await fs.unlink(path);
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
}

/** Makes names in a directory durable: a rename survives a power cut only after this. */
export async function syncDirectory(path: string, fs: FileSystem = nodeFileSystem): Promise<void> {
  const handle = await fs.open(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Replaces a small file at once or not at all; not made durable. */
export async function replaceFile(path: string, text: string, fs: FileSystem = nodeFileSystem): Promise<void> {
  const temporary = `${path}.tmp`;
  try {
    await fs.writeFile(temporary, text, { mode: 0o600 });
    await fs.rename(temporary, path);
  } catch (error) {
    await removeFile(temporary, fs).catch(() => undefined);
    throw error;
  }
}

/** Renames `from` to `to`, durably; the file itself must be on the disk already. */
export async function renameDurably(fs: FileSystem, from: string, to: string): Promise<void> {
  await fs.rename(from, to);
  try {
    await syncDirectory(dirname(to), fs);
  } catch (error) {
    // Nobody may take it for durable content; the caller reports what the disk said.
    await removeFile(to, fs).catch(() => undefined);
    throw error;
  }
}

/** The names in a directory; none when it is absent. */
export async function listNames(fs: FileSystem, directory: string): Promise<readonly string[]> {
  try {
    return await fs.readdir(directory);
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

/** Fills `into` from `position`; short only at the end of the file. */
export async function readFully(handle: FileHandle, position: number, into: Uint8Array): Promise<number> {
  let done = 0;
  while (done < into.length) {
    const { bytesRead } = await handle.read(into, done, into.length - done, position + done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return done;
}

/** Writes all of `bytes` at `position`. */
export async function writeFully(handle: FileHandle, position: number, bytes: Uint8Array): Promise<void> {
  let done = 0;
  while (done < bytes.length) {
    const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, position + done);
    done += bytesWritten;
  }
}
