// A store of a million objects: how it starts, serves, recovers from a kill, and makes room.
import { Agent } from 'node:http';
import { startMirrorProcess, type MirrorProcess } from '../mirror-process.ts';
import { pull } from '../raw-client.ts';
import { startRemoteUpstream, type RemoteUpstream } from '../remote-upstream.ts';
import { isRight, megabyte, seconds } from './bench.ts';
import { makeLastObject, makeScaleObject, type ScaleObject } from './scale-content.ts';
import { prepareScaleStore, type ScaleStore } from './scale-store.ts';
import { describeWatched, readMetrics, startWatch, type Watch } from './scale-watch.ts';
import { isHit, megabytes, readPeakResidentBytes, settlesTo } from './store-checks.ts';

/** One line of the table. Without a verdict it only tells. */
export interface ScaleFinding {
  readonly name: string;
  readonly bar: string;
  readonly passes: boolean | undefined;
  readonly figures: string;
}

export interface ScaleOptions {
  /** Where the store is, or will be made. */
  readonly directory: string;
  readonly objects: number;
  /** Is called with each line as soon as it is known. */
  onFinding(finding: ScaleFinding): void;
}

/** What the phases share. */
interface Stage {
  readonly store: ScaleStore;
  readonly upstream: RemoteUpstream;
  readonly mirror: MirrorProcess;
  /** Of the mirror; a change counts from its next start. */
  readonly env: Record<string, string>;
  /** Path of a manifest that is not one of the store's. */
  readonly probe: string;
  /** Milliseconds from the first start to readiness. */
  readonly firstReadyMs: number;
  readonly onFinding: ScaleOptions['onFinding'];
}

const longestStartMs = 10 * 60_000;
const longestWorkMs = 20 * 60_000;
const readyBarMs = 2000;
const residentBarBytes = 150 * megabyte;
const lagBarMs = 50;

/** Runs all phases, one after the other, and ends what it started. The store stays. */
export async function measureScale({ directory, objects, onFinding }: ScaleOptions): Promise<void> {
  const last = makeLastObject();
  const makingMs = performance.now();
  const store = await prepareScaleStore(directory, objects);
  store.removeFile(last);
  const made = seconds(performance.now() - makingMs);
  onFinding({ name: 'the store', bar: '', passes: undefined, figures: `${store.countFiles()} files, made in ${made}` });
  const upstream = await startRemoteUpstream();
  let mirror: MirrorProcess | undefined;
  try {
    const image = await upstream.addImage('team/app', 'probe', ['a layer']);
    const env: Record<string, string> = {};
    const startMs = performance.now();
    mirror = await startMirrorProcess({
      upstreams: [{ name: 'registry.test', url: upstream.url, default: true }],
      config: { cache: { path: store.cachePath, maxSize: 0 } },
      env,
      readyWithinMs: longestStartMs,
    });
    const firstReadyMs = performance.now() - startMs;
    const probe = `/v2/team/app/manifests/${image.digest}`;
    const stage: Stage = { store, upstream, mirror, env, probe, firstReadyMs, onFinding };
    await measureRebuild(stage);
    await measureCleanStart(stage);
    await measureStartAfterKill(stage, last);
    await measureEviction(stage);
  } finally {
    await mirror?.close();
    await upstream.close();
  }
}

/** From files alone: everything is served while the catalog is made. */
async function measureRebuild(stage: Stage): Promise<void> {
  const { store, mirror, onFinding, firstReadyMs } = stage;
  onFinding({
    name: 'first start, no catalog: ready',
    bar: `< ${seconds(readyBarMs)}`,
    passes: firstReadyMs < readyBarMs,
    figures: seconds(firstReadyMs),
  });
  const files = store.countFiles();
  // Fetched once, so it is a hit from now on, whatever the catalog knows.
  await pull(mirror.address, stage.probe);
  const watch = await watchMirror(stage);
  const whole = watch
    .until((metrics) => objectsIn(metrics) >= files, longestWorkMs)
    .then(
      (ms) =>
        `${seconds(ms + firstReadyMs)} after the start (${Math.round(files / ((ms + firstReadyMs) / 1000))} objects/s)`,
      () => undefined,
    );
  const pulls = await pullRandom(stage, 300);
  const rebuilt = await whole;
  const watched = await watch.stop();
  onFinding({
    name: 'meanwhile: 300 random objects pulled at once',
    bar: 'all right, all hits, 0 upstream GETs',
    passes: pulls.right === 300 && pulls.hits === 300 && pulls.gets === 0,
    figures: describePulls(pulls),
  });
  onFinding({
    name: 'catalog rebuilt from the files',
    bar: 'comes to its end',
    passes: rebuilt !== undefined,
    figures: `${rebuilt ?? 'never'}; ${describeWatched(watched)}; resident at most ${megabytes(readPeakResidentBytes(mirror.pid))}`,
  });
}

async function measureCleanStart(stage: Stage): Promise<void> {
  const { mirror, onFinding } = stage;
  const stopMs = performance.now();
  const status = await mirror.terminate();
  const stopped = `${seconds(performance.now() - stopMs)}, status ${status}`;
  const readyMs = await startAgain(mirror);
  const afterReady = mirror.residentBytes();
  onFinding({
    name: 'second start: ready',
    bar: `< ${seconds(readyBarMs)}`,
    passes: readyMs < readyBarMs,
    figures: `${seconds(readyMs)} (clean stop before it: ${stopped})`,
  });
  const watch = await watchMirror(stage);
  const pulls = await pullRandom(stage, 1000);
  const watched = await watch.stop();
  const afterPulls = mirror.residentBytes();
  onFinding({
    name: '1,000 random objects',
    bar: 'all right, all hits, 0 upstream GETs',
    passes: pulls.right === 1000 && pulls.hits === 1000 && pulls.gets === 0,
    figures: `${describePulls(pulls)}; ${describeWatched(watched)}`,
  });
  onFinding({
    name: 'resident memory',
    bar: `< ${megabytes(residentBarBytes)}`,
    passes: Math.max(afterReady, afterPulls) < residentBarBytes,
    figures: `${megabytes(afterReady)} when ready, ${megabytes(afterPulls)} after the 1,000, at most ${megabytes(readPeakResidentBytes(mirror.pid))}`,
  });
}

/** A file whose row was lost stands for what a kill may leave: it must be found. */
async function measureStartAfterKill(stage: Stage, last: ScaleObject): Promise<void> {
  const { store, mirror, onFinding } = stage;
  await mirror.kill();
  store.addFile(last);
  const files = store.countFiles();
  const readyMs = await startAgain(mirror);
  onFinding({
    name: 'start after kill -9: ready',
    bar: `< ${seconds(readyBarMs)}`,
    passes: readyMs < readyBarMs,
    figures: seconds(readyMs),
  });
  const watch = await watchMirror(stage);
  const whole = await watch
    .until((metrics) => objectsIn(metrics) === files, longestWorkMs)
    .then(
      (ms) => seconds(ms + readyMs),
      () => undefined,
    );
  const watched = await watch.stop();
  const pulled = await pull(mirror.address, `/v2/team/app/blobs/${last.digest}`);
  onFinding({
    name: 'start after kill -9: catalog equals disk',
    bar: 'comes to its end; what has no row is found',
    passes: whole !== undefined && isHit(pulled) && isRight(pulled, last.digest),
    figures: `${whole ?? 'never'} after the start; ${describeWatched(watched)}`,
  });
}

/** One tenth of the content has no room any more. */
async function measureEviction(stage: Stage): Promise<void> {
  const { store, mirror, env, onFinding } = stage;
  const before = await readMetrics(mirror.adminAddress);
  const contentBytes = before.get('stowage_store_content_bytes') ?? 0;
  // The search after the kill may not have come to its end: then it goes on beside the pass.
  await mirror.terminate();
  const maxBytes = Math.floor(contentBytes * 0.9);
  env['STOWAGE__CACHE__MAX_SIZE'] = `${maxBytes}B`;
  store.markChanged();
  const readyMs = await startAgain(mirror);
  const watch = await watchMirror(stage);
  const pass = await followEviction(watch, maxBytes);
  const evicted = objectsIn(before) - pass.objectsLeft;
  const beforeWatch = objectsIn(before) - pass.objectsAtFirst;
  const watched = await watch.stop();
  const share = (100 * evicted) / (objectsIn(before) || 1);
  onFinding({
    name: 'eviction pass, bound lowered to 90 % of the content',
    bar: `event-loop lag p99 < ${lagBarMs} ms meanwhile, and p99 of a cached manifest`,
    passes:
      pass.endMs !== undefined && watched.worstLagMs < lagBarMs && watched.p99Ms < lagBarMs && watched.failures === 0,
    figures: `${evicted} objects (${share.toFixed(1)} %) within ${seconds(pass.endMs)} of readiness (${seconds(readyMs)} after the start; ${beforeWatch} were gone at the first look); ${describeWatched(watched)}; resident at most ${megabytes(readPeakResidentBytes(mirror.pid))}`,
  });
  const countRows = async (): Promise<number> => objectsIn(await readMetrics(mirror.adminAddress));
  const isEqual = await settlesTo(async () => (await countRows()) === store.countFiles());
  onFinding({
    name: 'after it',
    bar: 'rows = files on disk',
    passes: isEqual,
    figures: `${await countRows()} rows, ${store.countFiles()} files`,
  });
}

/** Until there is room, and for three looks nothing has gone any more. */
async function followEviction(watch: Watch, maxBytes: number) {
  const seen: { readonly objects: number; readonly atMs: number }[] = [];
  const startMs = performance.now();
  const isOver = (metrics: ReadonlyMap<string, number>): boolean => {
    seen.push({ objects: objectsIn(metrics), atMs: performance.now() - startMs });
    const hasRoom = (metrics.get('stowage_store_content_bytes') ?? Infinity) <= maxBytes;
    return hasRoom && seen.at(-4)?.objects === objectsIn(metrics);
  };
  const isDone = await watch.until(isOver, longestWorkMs).then(
    () => true,
    () => false,
  );
  const objectsLeft = seen.at(-1)?.objects ?? 0;
  return {
    objectsLeft,
    objectsAtFirst: seen[0]?.objects ?? 0,
    endMs: isDone ? seen.find(({ objects }) => objects === objectsLeft)?.atMs : undefined,
  };
}

async function startAgain(mirror: MirrorProcess): Promise<number> {
  const startMs = performance.now();
  await mirror.start();
  return performance.now() - startMs;
}

/** Windows are long enough for a p99 in a large store, and short enough to time a small one. */
function watchMirror({ mirror, probe, store }: Stage): Promise<Watch> {
  const scrapeEveryMs = Math.min(2000, Math.max(200, store.objects / 500));
  return startWatch({ address: mirror.address, adminAddress: mirror.adminAddress, path: probe, scrapeEveryMs });
}

function objectsIn(metrics: ReadonlyMap<string, number>): number {
  return metrics.get('stowage_store_objects') ?? 0;
}

interface RandomPulls {
  readonly asked: number;
  readonly right: number;
  readonly hits: number;
  readonly manifests: number;
  readonly rightManifests: number;
  readonly gets: number;
  readonly tookMs: number;
}

/** Pulls objects from all over the store, blobs as blobs and manifests as manifests, one after the other. */
async function pullRandom({ mirror, upstream, store }: Stage, count: number): Promise<RandomPulls> {
  const agent = new Agent({ keepAlive: true });
  const before = (await upstream.find({ method: 'GET' })).length;
  const startMs = performance.now();
  const tally = { right: 0, hits: 0, manifests: 0, rightManifests: 0 };
  for (let i = 0; i < count; i += 1) {
    const { digest, isManifest } = makeScaleObject(Math.floor(Math.random() * store.objects));
    const pulled = await pull(mirror.address, `/v2/team/app/${isManifest ? 'manifests' : 'blobs'}/${digest}`, {
      agent,
    });
    if (isRight(pulled, digest)) tally.right += 1;
    if (isHit(pulled)) tally.hits += 1;
    if (isManifest) tally.manifests += 1;
    if (isManifest && isRight(pulled, digest)) tally.rightManifests += 1;
  }
  const tookMs = performance.now() - startMs;
  agent.destroy();
  return { ...tally, asked: count, gets: (await upstream.find({ method: 'GET' })).length - before, tookMs };
}

function describePulls({ asked, right, hits, manifests, rightManifests, gets, tookMs }: RandomPulls): string {
  return `${right} of ${asked} right (${rightManifests} of ${manifests} manifests), ${hits} hits, ${gets} upstream GETs, in ${seconds(tookMs)}`;
}
