// The directory of a scale store, as the service would have left it, but for the catalog.
import { fork } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ScaleObject } from './scale-content.ts';

export interface ScaleStore {
  /** For `cache.path`. */
  readonly cachePath: string;
  readonly objects: number;
  /** Content will be added or removed: the next run has to look whether all is there. */
  markChanged(): void;
  addFile(object: ScaleObject): void;
  removeFile(object: ScaleObject): void;
  countFiles(): number;
}

/**
 * A store of so many objects below `directory`, made or taken from an earlier run, with its files and without
 * anything else. A store of another size in the same directory is left alone.
 */
export async function prepareScaleStore(directory: string, objects: number): Promise<ScaleStore> {
  const root = join(directory, `objects-${objects}`);
  const cachePath = join(root, 'cache');
  const blobs = join(cachePath, 'blobs', 'public', 'sha256');
  const completeMark = join(root, 'complete');
  const folders = Array.from({ length: 256 }, (_, i) => join(blobs, i.toString(16).padStart(2, '0')));
  for (const folder of folders) mkdirSync(folder, { recursive: true, mode: 0o700 });
  forgetCatalog(cachePath);
  const fileOf = ({ digest }: ScaleObject): string => {
    const hex = digest.slice('sha256:'.length);
    return join(blobs, hex.slice(0, 2), hex);
  };
  const store: ScaleStore = {
    cachePath,
    objects,
    markChanged: () => rmSync(completeMark, { force: true }),
    addFile: (object) => writeFileSync(fileOf(object), object.bytes, { mode: 0o600 }),
    removeFile: (object) => rmSync(fileOf(object), { force: true }),
    countFiles: () => folders.reduce((sum, folder) => sum + readdirSync(folder).length, 0),
  };
  if (existsSync(completeMark)) return store;
  await writeObjects(blobs, objects);
  // What an earlier run has added counts as any other file.
  writeFileSync(completeMark, '');
  return store;
}

/** Everything but the content: as after the loss of the whole catalog. */
function forgetCatalog(cachePath: string): void {
  for (const name of readdirSync(cachePath)) {
    if (name !== 'blobs') rmSync(join(cachePath, name), { recursive: true, force: true });
  }
}

async function writeObjects(blobs: string, objects: number): Promise<void> {
  const processes = availableParallelism();
  const share = Math.ceil(objects / processes);
  const program = fileURLToPath(new URL('scale-files-process.ts', import.meta.url));
  const all = Array.from({ length: processes }, (_, i) => {
    const child = fork(program, [blobs, String(i * share), String(Math.min(objects, (i + 1) * share))]);
    return new Promise<void>((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', (code) => {
        if (code === 0) resolve();
        else reject(new Error(`the objects could not be written: status ${code}`));
      });
    });
  });
  await Promise.all(all);
}
