// A blob that the disk has no room for.
import type { MirrorProcess } from '../mirror-process.ts';
import { jsonOf, pull } from '../raw-client.ts';
import { listCacheFiles } from '../cache-files.ts';
import { isRight, megabyte, mebibyte, sleep, type Bench, type Row } from './bench.ts';
import { findWrongBlobs } from './cache-disk.ts';
import { countOutcomes, isHit, megabytes, outcomeOf, readPeakResidentBytes, settlesTo } from './store-checks.ts';

const diskBytes = 40 * mebibyte;
const large = { seed: 'does not fit', sizeBytes: 52 * megabyte };

/** An image with one layer that does not fit on the disk, and a mirror whose cache lies on it. */
async function setUp(bench: Bench, bytesPerSecond: number) {
  const upstream = await bench.upstream({ bytesPerSecond });
  const image = await upstream.addImage('team/app', 'latest', [large, { seed: 'fits', sizeBytes: megabyte }]);
  const later = await upstream.addBlob('team/app', { seed: 'later', sizeBytes: megabyte });
  const [big, small] = image.layers;
  if (big === undefined || small === undefined) throw new Error('the image has no layers');
  const path = await bench.smallDisk(diskBytes);
  const mirror = await bench.mirror(upstream, { cache: { path } });
  return { image, big, small, later, path, mirror };
}

/** What is left behind, and whether the service goes on. */
async function checkAfter(mirror: MirrorProcess, path: string, later: string) {
  const isEmpty = await settlesTo(async () => (await listCacheFiles(path, ['fills'])).length === 0);
  const wrong = await findWrongBlobs(path);
  const ready = await pull(mirror.adminAddress, '/readyz');
  const degraded = jsonOf(ready)['degraded'];
  const first = await pull(mirror.address, `/v2/team/app/blobs/${later}`);
  const isKept = await settlesTo(async () => isHit(await pull(mirror.address, `/v2/team/app/blobs/${later}`)));
  const recovered = await settlesTo(
    async () => JSON.stringify(jsonOf(await pull(mirror.adminAddress, '/readyz'))['degraded']) === '[]',
  );
  return {
    isFine: isEmpty && wrong.length === 0 && ready.status === 200 && isRight(first, later) && isKept,
    figures: `fills/ empty ${isEmpty}, wrong files ${wrong.length}, /readyz ${ready.status} ${JSON.stringify(degraded)}, later small pull right ${isRight(first, later)} and kept ${isKept}, not degraded in the end ${recovered}`,
  };
}

const oneClientRow: Row = {
  name: 'store: 52 MB blob on a disk of 40 MB, one client',
  bar: 'client gets it whole; manifest and small blob too; nothing bad kept',
  async run(bench) {
    const { image, big, small, later, path, mirror } = await setUp(bench, 50 * megabyte);
    const manifest = await pull(mirror.address, '/v2/team/app/manifests/latest');
    const parts = [];
    for (const { digest } of [image.config, small, big]) {
      parts.push(isRight(await pull(mirror.address, `/v2/team/app/blobs/${digest}`), digest));
    }
    const isManifestRight = isRight(manifest, image.digest);
    const after = await checkAfter(mirror, path, later.digest);
    return {
      passes: isManifestRight && parts.every(Boolean) && after.isFine,
      figures: `manifest ${isManifestRight}, config ${parts[0]}, small ${parts[1]}, large ${parts[2]}; ${after.figures}`,
    };
  },
};

const manyClientsRow: Row = {
  name: 'store: 52 MB blob on a disk of 40 MB, 20 clients arriving 60 ms apart',
  bar: '>= 16 whole, the rest 503 with Retry-After, none broken; resident memory < 350 MB',
  async run(bench) {
    // Slow enough that the first is still reading when the last one comes.
    const { big, later, path, mirror } = await setUp(bench, 20 * megabyte);
    const pulls = Array.from({ length: 20 }, async (_, i) => {
      await sleep(60 * i);
      return outcomeOf(await pull(mirror.address, `/v2/team/app/blobs/${big.digest}`), big.digest);
    });
    let isRunning = true;
    let sampledBytes = 0;
    const sampling = (async () => {
      while (isRunning) {
        sampledBytes = Math.max(sampledBytes, mirror.residentBytes());
        await sleep(20);
      }
    })();
    const outcomes = await Promise.all(pulls);
    isRunning = false;
    await sampling;
    const peakBytes = Math.max(sampledBytes, readPeakResidentBytes(mirror.pid));
    const after = await checkAfter(mirror, path, later.digest);
    const whole = outcomes.filter((outcome) => outcome === 'whole').length;
    const refused = outcomes.filter((outcome) => outcome === '503 with Retry-After').length;
    return {
      passes: whole >= 16 && whole + refused === 20 && peakBytes < 350 * megabyte && after.isFine,
      figures: `${countOutcomes(outcomes)}, resident at most ${megabytes(peakBytes)}; ${after.figures}`,
    };
  },
};

export const fullDiskRows: readonly Row[] = [oneClientRow, manyClientsRow];
