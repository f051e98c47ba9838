import { expect } from '@jest/globals';
import { appendFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Content } from '../../support/content.ts';
import { listCacheFiles } from '../../support/cache-files.ts';
import { readMetric } from '../../support/metrics.ts';
import type { MirrorProcess } from '../../support/mirror-process.ts';
import { jsonOf, pull, type Pulled, type PullOptions } from '../../support/raw-client.ts';
import { pollUntil } from '../../support/signal.ts';

/** How soon a mirror finds out by itself that its disk is well again. */
const recoversWithinMs = 15_000;

/** Where a blob of `team/app` is pulled. */
export function pathOf({ digest }: { readonly digest: string }): string {
  return `/v2/team/app/blobs/${digest}`;
}

export function pullBlob(mirror: MirrorProcess, content: Content, options?: PullOptions): Promise<Pulled> {
  return pull(mirror.address, pathOf(content), options);
}

/** The file that a blob is kept in, and the one that it is collected in. */
export function filesOf(mirror: MirrorProcess, { digest }: { readonly digest: string }) {
  const [algorithm = '', hex = ''] = digest.split(':');
  const directory = join(mirror.cachePath, 'blobs', 'public', algorithm, hex.slice(0, 2));
  const fills = join(mirror.cachePath, 'fills');
  return { directory, blob: join(directory, hex), fills, partial: join(fills, `${algorithm}-${hex}.part`) };
}

export async function isKept(mirror: MirrorProcess, { digest }: { readonly digest: string }): Promise<boolean> {
  return (await listCacheFiles(mirror.cachePath, ['blobs'])).some((file) => file.endsWith(digest.slice(7)));
}

/** Until the disk has all of these, and nothing is half written: hits come from memory before that. */
export async function untilOnDisk(
  mirror: MirrorProcess,
  contents: readonly { readonly digest: string }[],
): Promise<void> {
  const isOnDisk = async (): Promise<boolean> => {
    const kept = await Promise.all(contents.map((content) => isKept(mirror, content)));
    return kept.every(Boolean) && (await listCacheFiles(mirror.cachePath, ['fills'])).length === 0;
  };
  await pollUntil(isOnDisk, { what: 'what was pulled to be on disk' });
}

/** Until no fill runs: then what was pulled is kept, or never will be. */
export async function untilSettled(mirror: MirrorProcess): Promise<void> {
  const name = 'stowage_fills_running';
  await pollUntil(async () => (await readMetric(mirror.adminAddress, name)) === 0, { what: `${name} to be 0` });
}

/** Pulls until the mirror answers from the cache: what was pulled is kept in the background. */
export async function untilHit(mirror: MirrorProcess, path: string): Promise<void> {
  let last: Pulled | undefined;
  const isHit = async (): Promise<boolean> => {
    last = await pull(mirror.address, path);
    return last.status === 200 && last.isComplete && last.headers['cache-status'] === 'stowage; hit';
  };
  await pollUntil(isHit, { what: 'a hit' }).catch((error: unknown) => {
    throw new Error(`no hit: ${last?.status} ${last?.headers['cache-status']}\n${mirror.output}`, { cause: error });
  });
}

export async function storeErrors(mirror: MirrorProcess): Promise<number> {
  return (await readMetric(mirror.adminAddress, 'stowage_store_errors_total')) ?? 0;
}

type Degraded = readonly { readonly part: string; readonly reason: string }[];

/** What /readyz calls degraded; it answers 200 all the while. */
async function readDegraded(mirror: MirrorProcess): Promise<Degraded> {
  const answer = await pull(mirror.adminAddress, '/readyz');
  expect(answer.status).toBe(200);
  return jsonOf(answer)['degraded'] as Degraded;
}

/** Until /readyz says of this part why it is degraded. */
export async function untilDegraded(mirror: MirrorProcess, part = 'store'): Promise<void> {
  const isDegraded = async (): Promise<boolean> =>
    (await readDegraded(mirror)).some((one) => one.part === part && /\w+ \w+/.test(one.reason));
  await pollUntil(isDegraded, { deadlineMs: 5000, what: `/readyz to call ${part} degraded` });
}

/** Until /readyz has nothing to complain of, though nobody pulls anything. */
export async function untilWell(mirror: MirrorProcess): Promise<void> {
  const isWell = async (): Promise<boolean> => (await readDegraded(mirror)).length === 0;
  await pollUntil(isWell, { deadlineMs: recoversWithinMs, what: '/readyz to have nothing degraded' }).catch(
    async (error: unknown) => {
      throw new Error(`still degraded: ${JSON.stringify(await readDegraded(mirror))}`, { cause: error });
    },
  );
}

/** Takes what is left of a disk; the result gives it back. */
export async function fillUp(directory: string): Promise<() => Promise<void>> {
  const filler = join(directory, 'filler');
  for (let chunk = Buffer.alloc(1024 * 1024); chunk.length >= 512;) {
    try {
      await appendFile(filler, chunk);
    } catch {
      // Some of it may have been written; the next, smaller chunk takes the rest.
      chunk = chunk.subarray(0, chunk.length / 2);
    }
  }
  return () => rm(filler);
}
