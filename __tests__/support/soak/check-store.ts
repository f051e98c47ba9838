// What must hold of a cache after a crash, once the mirror has recovered, and of one that was stopped.
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { listCacheFiles } from '../cache-files.ts';
import { readMetric } from '../metrics.ts';
import type { MirrorProcess } from '../mirror-process.ts';
import { pollUntil } from '../signal.ts';
import { formatObject, readLiveRows, readStoppedRows, type ObjectLine } from './catalog-rows.ts';

/** What lies in a cache, as far as it is content. */
export interface CacheFiles {
  readonly objects: readonly ObjectLine[];
  readonly contentBytes: number;
  /** Files in `fills/` that are parked as they should be: a part and its journal. */
  readonly parkedParts: readonly string[];
  readonly parkedBytes: number;
  /** Everything else that is a file under `blobs/`, `fills/` or `quarantine/`. */
  readonly strays: readonly string[];
}

const blobName = /^blobs\/(public|restricted)\/(sha256|sha512)\/([0-9a-f]{2})\/(\3[0-9a-f]+)$/;

/** Files that go while they are looked at are left out. */
export async function readCacheFiles(cachePath: string): Promise<CacheFiles> {
  const files = await listCacheFiles(cachePath);
  const objects: ObjectLine[] = [];
  const parkedParts: string[] = [];
  const strays: string[] = [];
  let [contentBytes, parkedBytes] = [0, 0];
  for (const file of files) {
    const facts = await stat(join(cachePath, file)).catch(() => undefined);
    if (facts === undefined) continue;
    const [, provenance = '', algorithm = '', , hex = ''] = blobName.exec(file) ?? [];
    if (hex !== '') {
      objects.push(formatObject(provenance, `${algorithm}:${hex}`, facts.size));
      contentBytes += facts.size;
    } else if (file.endsWith('.part') && files.includes(file.replace(/part$/, 'journal'))) {
      parkedParts.push(file);
      parkedBytes += facts.blocks * 512;
    } else if (!(file.endsWith('.journal') && files.includes(file.replace(/journal$/, 'part')))) strays.push(file);
  }
  return { objects, contentBytes, parkedParts, parkedBytes, strays };
}

/** What distinguishes rows from files, as sentences; empty when they agree and nothing else lies about. */
export function compareWithRows(files: CacheFiles, rows: readonly ObjectLine[]): readonly string[] {
  return [
    ...files.objects.filter((line) => !rows.includes(line)).map((line) => `a file without a row: ${line}`),
    ...rows.filter((line) => !files.objects.includes(line)).map((line) => `a row without a file: ${line}`),
    ...files.strays.map((file) => `a stray file: ${file}`),
  ];
}

/** Waits until the running mirror has recovered; gives what is wrong with it for good. */
export async function checkRecovered(
  mirror: MirrorProcess,
  { quotaBytes, deadlineMs }: { readonly quotaBytes: number; readonly deadlineMs: number },
): Promise<readonly string[]> {
  let wrong: readonly string[] = [];
  const isRecovered = async (): Promise<boolean> => {
    wrong = await compareRunning(mirror, quotaBytes);
    return wrong.length === 0;
  };
  await pollUntil(isRecovered, { deadlineMs }).catch(() => undefined);
  return [...wrong, ...(await checkBytes(mirror.cachePath))];
}

async function compareRunning(mirror: MirrorProcess, quotaBytes: number): Promise<readonly string[]> {
  const files = await readCacheFiles(mirror.cachePath);
  const wrong = [...compareWithRows(files, readLiveRows(mirror.cachePath))];
  const claimed = {
    bytes: await readMetric(mirror.adminAddress, 'stowage_store_content_bytes'),
    objects: await readMetric(mirror.adminAddress, 'stowage_store_objects'),
  };
  if (claimed.bytes !== files.contentBytes)
    wrong.push(`the metric says ${claimed.bytes} bytes, the files have ${files.contentBytes}`);
  if (claimed.objects !== files.objects.length)
    wrong.push(`the metric says ${claimed.objects} objects, there are ${files.objects.length}`);
  const heldBytes = files.contentBytes + files.parkedBytes;
  if (heldBytes > quotaBytes) wrong.push(`${heldBytes} bytes are kept where ${quotaBytes} may be`);
  return wrong;
}

/** Of a stopped mirror: the catalog that the next start finds. */
export async function checkStopped({ cachePath }: MirrorProcess): Promise<readonly string[]> {
  return compareWithRows(await readCacheFiles(cachePath), await readStoppedRows(cachePath));
}

/** Kept content is never wrong. */
async function checkBytes(cachePath: string): Promise<readonly string[]> {
  const wrong: string[] = [];
  for (const file of await listCacheFiles(cachePath, ['blobs'])) {
    const [, , algorithm = '', , hex = ''] = blobName.exec(file) ?? [];
    if (hex === '') continue;
    const hash = createHash(algorithm);
    await pipeline(createReadStream(join(cachePath, file)), hash);
    if (hash.digest('hex') !== hex) wrong.push(`the bytes of ${file} are not those of its name`);
  }
  return wrong;
}
