// Garbage where the catalog and its neighbours were.
import { open, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createSeededContent } from '../content.ts';
import type { MirrorProcess } from '../mirror-process.ts';
import { pull } from '../raw-client.ts';
import type { RemoteBlob, RemoteImage, RemoteUpstream } from '../remote-upstream.ts';
import { isRight, blobGet, megabyte, seconds, type Row } from './bench.ts';
import { isHit, settlesTo } from './store-checks.ts';

const files = ['catalog.db', 'catalog.db-wal', 'catalog.db-shm', 'lock', 'owner.json', 'format'] as const;
const garbage = createSeededContent('garbage', 64 * 1024).read(0, 64 * 1024);
const firstPageBytes = 4096;

interface Ruin {
  readonly name: string;
  /** A killed process leaves a -wal file behind, a stopped one does not. */
  readonly isKilled: boolean;
  apply(cachePath: string): Promise<void>;
}

const ruins: readonly Ruin[] = [
  ...files.map((file) => ruinOf(file, [file])),
  ruinOf('all of them', files),
  {
    name: 'catalog.db behind its first page, after a clean stop',
    isKilled: false,
    async apply(cachePath) {
      const path = join(cachePath, 'catalog.db');
      const { size } = await stat(path);
      const handle = await open(path, 'r+');
      try {
        for (let at = firstPageBytes; at < size; at += garbage.length)
          await handle.write(garbage, 0, Math.min(garbage.length, size - at), at);
      } finally {
        await handle.close();
      }
    },
  },
  {
    name: 'catalog.db emptied, after a clean stop',
    isKilled: false,
    apply: (cachePath) => writeFile(join(cachePath, 'catalog.db'), ''),
  },
];

function ruinOf(name: string, names: readonly string[]): Ruin {
  return {
    name,
    isKilled: true,
    async apply(cachePath) {
      for (const file of names) await writeFile(join(cachePath, file), garbage);
    },
  };
}

interface Subject {
  readonly mirror: MirrorProcess;
  readonly upstream: RemoteUpstream;
  readonly image: RemoteImage;
  readonly blobs: readonly RemoteBlob[];
}

const blobPath = (digest: string): string => `/v2/team/app/blobs/${digest}`;
const tagPath = '/v2/team/app/manifests/latest';

/** Everything is here. */
async function warm({ mirror, image, blobs }: Subject): Promise<boolean> {
  const tag = await pull(mirror.address, tagPath);
  for (const { digest } of blobs) await pull(mirror.address, blobPath(digest));
  const isAllHere = await settlesTo(async () => {
    for (const { digest } of blobs) {
      if (!isHit(await pull(mirror.address, blobPath(digest), { method: 'HEAD' }))) return false;
    }
    return true;
  });
  return isRight(tag, image.digest) && isAllHere;
}

interface Finding {
  readonly isGood: boolean;
  readonly readyMs: number;
  readonly figures: string;
}

async function ruin(subject: Subject, { isKilled, apply }: Ruin): Promise<Finding> {
  const { mirror, upstream, image, blobs } = subject;
  if (!(await warm(subject))) throw new Error('the cache cannot be filled');
  if (isKilled) await mirror.kill();
  else await mirror.terminate();
  await apply(mirror.cachePath);
  const startMs = performance.now();
  await mirror.start();
  const readyMs = performance.now() - startMs;
  const before = (await upstream.find(blobGet)).length;
  const pulls = await Promise.all(blobs.map(({ digest }) => pull(mirror.address, blobPath(digest))));
  const gets = (await upstream.find(blobGet)).length - before;
  const hits = pulls.filter((pulled, i) => isHit(pulled) && isRight(pulled, blobs[i]?.digest ?? '')).length;
  const isTagBack = isRight(await pull(mirror.address, tagPath), image.digest);
  // Back means kept: it is served without upstream.
  await upstream.down();
  const isTagKept = await settlesTo(async () => isRight(await pull(mirror.address, tagPath), image.digest), 2000);
  await upstream.up();
  const { degraded } = JSON.parse((await pull(mirror.adminAddress, '/readyz')).body.toString()) as {
    readonly degraded: readonly unknown[];
  };
  return {
    isGood: hits === blobs.length && gets === 0 && isTagBack && isTagKept,
    readyMs,
    figures: `${hits} of ${blobs.length} hits, ${gets} GETs, tag ${isTagBack ? 'back' : 'not back'}${isTagKept ? '' : ', not kept'}${degraded.length > 0 ? `, degraded ${JSON.stringify(degraded)}` : ''}`,
  };
}

export const catalogRow: Row = {
  name: 'store: garbage in every catalog file',
  bar: 'starts; public blobs on disk are hits (0 upstream GETs) as soon as it is ready; tags come back',
  async run(bench) {
    const upstream = await bench.upstream();
    const layers = Array.from({ length: 20 }, (_, i) => ({ seed: `catalog ${i}`, sizeBytes: 100_000 }));
    const image = await upstream.addImage('team/app', 'latest', [
      ...layers,
      { seed: 'catalog large', sizeBytes: 5 * megabyte },
    ]);
    const mirror = await bench.mirror(upstream);
    const subject = { mirror, upstream, image, blobs: [image.config, ...image.layers] };
    const found: (Finding & { readonly name: string })[] = [];
    for (const one of ruins) {
      const finding = await ruin(subject, one).catch((error: unknown) => ({
        isGood: false,
        readyMs: 0,
        figures: String(error).split('\n', 1)[0] ?? '',
      }));
      found.push({ ...finding, name: one.name });
      // After a start that failed, the next case begins with an empty cache of its own.
      if (finding.readyMs === 0) break;
    }
    const bad = found.filter(({ isGood }) => !isGood).map(({ name, figures }) => `${name}: ${figures}`);
    const slowest = Math.max(...found.map(({ readyMs }) => readyMs));
    return {
      passes: bad.length === 0 && found.length === ruins.length,
      figures: `${found.length - bad.length} of ${ruins.length} as they must be, each with ${subject.blobs.length} blobs; ready within ${seconds(slowest)}${bad.length > 0 ? `; not: ${bad.join('; ')}` : ''}`,
    };
  },
};
