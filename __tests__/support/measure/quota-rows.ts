// The byte bound: what is kept, what goes, and what is never cut.
import { access } from 'node:fs/promises';
import type { MirrorProcess } from '../mirror-process.ts';
import { readMetric } from '../metrics.ts';
import { pull, startPull, type Pulled } from '../raw-client.ts';
import type { RemoteBlob, RemoteUpstream } from '../remote-upstream.ts';
import { pollUntil } from '../signal.ts';
import { blobGet, isRight, megabyte, seconds, sleep, type Row } from './bench.ts';
import { blobPathOf, measureDisk, measureUnlinked, watchDisk } from './cache-disk.ts';
import { countOutcomes, isHit, megabytes, outcomeOf, settlesTo } from './store-checks.ts';

const pathOf = ({ digest }: RemoteBlob): string => `/v2/team/app/blobs/${digest}`;

async function addBlobs(upstream: RemoteUpstream, sizes: readonly number[]): Promise<readonly RemoteBlob[]> {
  const blobs: RemoteBlob[] = [];
  for (const [i, sizeBytes] of sizes.entries()) {
    blobs.push(await upstream.addBlob('team/app', { seed: `quota ${i}`, sizeBytes }));
  }
  return blobs;
}

/** Which of them are here: HEAD costs no transfer and changes nothing. */
async function findHits(mirror: MirrorProcess, blobs: readonly RemoteBlob[]): Promise<readonly boolean[]> {
  const heads: Pulled[] = [];
  for (const blob of blobs) heads.push(await pull(mirror.address, pathOf(blob), { method: 'HEAD' }));
  return heads.map(isHit);
}

/** What the catalog claims, and what the files are, when nothing moves any more. */
async function compareBooks(mirror: MirrorProcess): Promise<{ readonly isEqual: boolean; readonly figures: string }> {
  const read = async (): Promise<readonly [number, number]> => [
    (await readMetric(mirror.adminAddress, 'stowage_store_content_bytes')) ?? -1,
    (await measureDisk(mirror.cachePath, ['blobs'])).sizeBytes,
  ];
  const isEqual = await settlesTo(async () => {
    const [claimed, held] = await read();
    return claimed === held && (await readMetric(mirror.adminAddress, 'stowage_fills_running')) === 0;
  });
  const [claimed, held] = await read();
  return { isEqual, figures: `catalog ${claimed} bytes, files ${held} bytes` };
}

const throughBoundRow: Row = {
  name: 'store: 367 MB through a bound of 120 MB',
  bar: '<= 130 MB on disk 2 s later, the most recent kept',
  async run(bench) {
    const upstream = await bench.upstream();
    const blobs = await addBlobs(
      upstream,
      [52, 45, 30, 60, 40, 50, 35, 55].map((size) => size * megabyte),
    );
    const mirror = await bench.mirror(upstream, { cache: { maxSize: '120MB' } });
    const watch = watchDisk(mirror);
    let right = 0;
    for (const blob of blobs) right += isRight(await pull(mirror.address, pathOf(blob)), blob.digest) ? 1 : 0;
    await sleep(2000);
    const { heldBytes } = await measureDisk(mirror.cachePath);
    const peaks = await watch.stop();
    const hits = await findHits(mirror, blobs);
    const before = (await upstream.find(blobGet)).length;
    const kept = blobs.filter((_, i) => hits[i]);
    let readBack = 0;
    for (const blob of kept) readBack += isRight(await pull(mirror.address, pathOf(blob)), blob.digest) ? 1 : 0;
    const gets = (await upstream.find(blobGet)).length - before;
    // Kept is what came last, without a gap.
    const isMostRecent = hits.lastIndexOf(false) < hits.indexOf(true);
    return {
      passes: right === 8 && heldBytes <= 130 * megabyte && isMostRecent && readBack === kept.length && gets === 0,
      figures: `${right} of 8 right, ${megabytes(heldBytes)} on disk after 2 s (at most ${megabytes(peaks.namedBytes)}), kept in order of pulls ${hits.map((hit) => (hit ? 'hit' : '-')).join(' ')}, ${readBack} read back right for ${gets} upstream GETs`,
    };
  },
};

const slowReaderRow: Row = {
  name: 'store: slow reader while its blob is evicted',
  bar: 'gets every byte',
  async run(bench) {
    const upstream = await bench.upstream();
    const [slow, ...others] = await addBlobs(
      upstream,
      [40, 25, 25, 25].map((size) => size * megabyte),
    );
    if (slow === undefined) throw new Error('there is no blob');
    const mirror = await bench.mirror(upstream, { cache: { maxSize: '60MB' } });
    await pull(mirror.address, pathOf(slow));
    await settlesTo(async () => (await findHits(mirror, [slow]))[0] === true);
    const reading = startPull(mirror.address, pathOf(slow));
    await reading.untilReceived(megabyte);
    reading.pause();
    let right = 0;
    for (const other of others) right += isRight(await pull(mirror.address, pathOf(other)), other.digest) ? 1 : 0;
    const isGone = await settlesTo(async () => {
      const isThere = await access(blobPathOf(mirror.cachePath, slow.digest)).then(
        () => true,
        () => false,
      );
      return !isThere;
    });
    const pausedAt = reading.received;
    const unlinkedBytes = measureUnlinked(mirror.pid, mirror.cachePath);
    const namedBytes = (await measureDisk(mirror.cachePath)).heldBytes;
    reading.resume();
    const pulled = await reading.done;
    const books = await compareBooks(mirror);
    const { heldBytes } = await measureDisk(mirror.cachePath);
    return {
      passes: isRight(pulled, slow.digest) && right === others.length && books.isEqual && heldBytes <= 66 * megabyte,
      figures: `right ${isRight(pulled, slow.digest)} after a pause at ${megabytes(pausedAt)}, its name gone meanwhile ${isGone} (named files then ${megabytes(namedBytes)}, unlinked ones still open ${megabytes(unlinkedBytes)}), others ${right} of 3 right; then ${megabytes(heldBytes)} on disk, ${books.figures}`,
    };
  },
};

const largerThanQuotaRow: Row = {
  name: 'store: blob larger than the quota',
  bar: 'passes through, evicts nothing',
  async run(bench) {
    const upstream = await bench.upstream({ bytesPerSecond: 30 * megabyte });
    const sizes = [10, 10, 10, 60].map((size) => size * megabyte);
    const blobs = await addBlobs(upstream, sizes);
    const small = blobs.slice(0, 3);
    const [large] = blobs.slice(3);
    if (large === undefined) throw new Error('there is no blob');
    const mirror = await bench.mirror(upstream, { cache: { maxSize: '40MB' } });
    for (const blob of small) await pull(mirror.address, pathOf(blob));
    await pollUntil(async () => (await findHits(mirror, small)).every(Boolean));
    const watch = watchDisk(mirror);
    const pulled = await pull(mirror.address, pathOf(large));
    const peaks = await watch.stop();
    const isSettled = await settlesTo(
      async () => (await readMetric(mirror.adminAddress, 'stowage_fills_running')) === 0,
    );
    const evicted = (await readMetric(mirror.adminAddress, 'stowage_evicted_objects_total')) ?? 0;
    const hits = await findHits(mirror, blobs);
    const isKept = hits[3] === true;
    const right = isRight(pulled, large.digest);
    return {
      passes:
        right &&
        evicted === 0 &&
        hits.slice(0, 3).every(Boolean) &&
        !isKept &&
        peaks.namedBytes <= 44 * megabyte &&
        isSettled,
      figures: `right ${right}, ${evicted} evicted, hits after it ${hits.filter(Boolean).length} of 3, kept ${isKept}, at most ${megabytes(peaks.namedBytes)} on disk`,
    };
  },
};

/** As a client does that is told to come again. */
async function pullPatiently(mirror: MirrorProcess, blob: RemoteBlob, seen: string[]): Promise<boolean> {
  const endMs = performance.now() + 60_000;
  for (;;) {
    const pulled = await pull(mirror.address, pathOf(blob));
    const outcome = outcomeOf(pulled, blob.digest);
    seen.push(outcome);
    if (outcome !== '503 with Retry-After' || performance.now() > endMs) return outcome === 'whole';
    await sleep(Number(pulled.headers['retry-after'] ?? 1) * 1000);
  }
}

const stormRow: Row = {
  name: 'store: 30 cold pulls of 5-25 MB at once against a bound of 60 MB',
  bar: 'disk use never more than 10 % above the bound; afterwards the catalog claims what the files hold',
  async run(bench) {
    const upstream = await bench.upstream({ bytesPerSecond: 10 * megabyte });
    const sizes = Array.from({ length: 30 }, (_, i) => (5 + ((i * 7) % 21)) * megabyte);
    const blobs = await addBlobs(upstream, sizes);
    const mirror = await bench.mirror(upstream, { cache: { maxSize: '60MB' } });
    const watch = watchDisk(mirror);
    const startMs = performance.now();
    const seen: string[] = [];
    const all = await Promise.all(blobs.map((blob) => pullPatiently(mirror, blob, seen)));
    const tookMs = performance.now() - startMs;
    const books = await compareBooks(mirror);
    const peaks = await watch.stop();
    const right = all.filter(Boolean).length;
    return {
      passes: right === 30 && peaks.namedBytes <= 66 * megabyte && books.isEqual,
      figures: `at most ${megabytes(peaks.namedBytes)} on disk, ${megabytes(peaks.allBytes)} with unlinked files still open, in ${peaks.looks} looks; ${right} of 30 whole in ${seconds(tookMs)} (${countOutcomes(seen)}); then ${books.figures}`,
    };
  },
};

export const quotaRows: readonly Row[] = [throughBoundRow, slowReaderRow, largerThanQuotaRow, stormRow];
