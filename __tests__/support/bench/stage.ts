// What the rows work with: one upstream, the contenders in front of it, a client; all below one directory.
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '../../e2e/support/tools.ts';
import { startBenchClient, type BenchClient } from './client.ts';
import type { Contender, ContenderName, ContenderOptions } from './contender.ts';
import { startNginx } from './nginx.ts';
import { emptyPageCache } from './page-cache.ts';
import { createOthersLoad, type OthersLoad } from './others.ts';
import { readTreePeakBytes } from './process-tree.ts';
import { startRegistryPeer } from './registry-peer.ts';
import { startStowage } from './stowage.ts';
import { touchMemory } from './touch-memory.ts';
import { createTurns, type TakeTurn } from './turns.ts';
import { startBenchUpstream, type BenchImage, type BenchUpstream } from './upstream.ts';

export interface BenchOptions {
  readonly rounds: number;
  /** How long wrk runs each time. */
  readonly seconds: number;
  /** Who is measured in the rows that compare mirrors. */
  readonly contenders: readonly ContenderName[];
  readonly lockPath?: string | undefined;
}

/** What warm rows ask for. */
export interface WarmContent {
  readonly image: BenchImage;
  readonly smallBlob: string;
  readonly largeBlob: string;
}

export interface OtherOptions {
  readonly upstreamUrl: string;
  /** Its memory is not part of `peakBytes`: it has a bar of its own. */
  readonly isJudgedApart?: boolean;
}

/** The owner must `close` it: that ends everything it started. */
export interface BenchStage extends BenchOptions {
  readonly directory: string;
  readonly upstream: BenchUpstream;
  readonly client: BenchClient;
  /** Runs one measurement, and notes what others took of the machine meanwhile. */
  readonly takeTurn: TakeTurn;
  readonly othersLoad: OthersLoad;
  /** Started when first asked for; runs until the stage is closed. */
  contender(name: ContenderName): Promise<Contender>;
  /** Another one, with a cache of its own. */
  startOther(name: ContenderName, options: OtherOptions): Promise<Contender>;
  /** Pushed when first asked for. */
  warmContent(): Promise<WarmContent>;
  /** Writes out what is dirty, so that nobody pays for who came before. */
  settleDisk(): Promise<void>;
  /** Nothing is in the page cache any more, where this process may empty it: see `emptyPageCache`. */
  emptyPageCache(): Promise<void>;
  /** Uses so many bytes of free memory once: see `touchMemory`. */
  touchMemory(bytes: number): Promise<void>;
  /** Is called at `close`; what came last ends first. */
  onClose(end: () => Promise<unknown>): void;
  /** The most memory that any process tree of this name ever had, of those that run. */
  peakBytes(name: ContenderName): number | undefined;
  close(): Promise<void>;
}

export async function openBenchStage(options: BenchOptions): Promise<BenchStage> {
  const directory = await mkdtemp(join(tmpdir(), 'stowage-bench-'));
  const ends: (() => Promise<unknown>)[] = [() => rm(directory, { recursive: true, force: true })];
  const close = async (): Promise<void> => {
    const failures: unknown[] = [];
    for (const end of ends.splice(0).toReversed()) await end().catch((error: unknown) => failures.push(error));
    if (failures.length > 0) throw new AggregateError(failures, 'the benchmark did not close cleanly');
  };
  try {
    const client = startBenchClient();
    ends.push(client.close);
    const upstream = await startBenchUpstream(join(directory, 'upstream'));
    ends.push(upstream.close);
    return createStage({ options, directory, client, upstream, ends, close });
  } catch (error) {
    await close();
    throw error;
  }
}

interface Parts extends Pick<BenchStage, 'directory' | 'client' | 'upstream' | 'close'> {
  readonly options: BenchOptions;
  readonly ends: (() => Promise<unknown>)[];
}

function createStage({ options, directory, client, upstream, ends, close }: Parts): BenchStage {
  const started: Contender[] = [];
  const known = new Map<ContenderName, Promise<Contender>>();
  const takeTurn = createTurns(options.lockPath);
  const othersLoad = createOthersLoad();
  let warm: Promise<WarmContent> | undefined;
  const startOther: BenchStage['startOther'] = async (name, { upstreamUrl, isJudgedApart = false }) => {
    const contender = await startContender(name, { directory: join(directory, `${name}-${ends.length}`), upstreamUrl });
    if (!isJudgedApart) started.push(contender);
    ends.push(async () => contender.daemon?.stop());
    return contender;
  };
  return {
    ...options,
    directory,
    client,
    upstream,
    takeTurn: (work) => takeTurn(() => othersLoad.during(work)),
    othersLoad,
    contender(name) {
      const running = known.get(name) ?? startOther(name, { upstreamUrl: upstream.url });
      known.set(name, running);
      return running;
    },
    startOther,
    warmContent: () => (warm ??= pushWarmContent(upstream)),
    emptyPageCache,
    touchMemory,
    settleDisk: async () => void (await run('sync', ['-f', directory])),
    onClose: (end) => void ends.push(end),
    peakBytes(name) {
      const pids = started.flatMap((one) => (one.name === name && one.daemon !== undefined ? [one.daemon.pid] : []));
      return pids.length === 0 ? undefined : Math.max(...pids.map(readTreePeakBytes));
    },
    close,
  };
}

async function startContender(name: ContenderName, options: ContenderOptions): Promise<Contender> {
  await mkdir(options.directory);
  switch (name) {
    case 'stowage':
    case 'quiet':
      return startStowage(options, name);
    case 'registry':
      return startRegistryPeer(options);
    case 'nginx':
      return startNginx(options);
    case 'direct':
      return { name, url: options.upstreamUrl };
  }
}

async function pushWarmContent(upstream: BenchUpstream): Promise<WarmContent> {
  return {
    image: await upstream.addImage('warm', Array<number>(9).fill(1000)),
    smallBlob: await upstream.addBlob('small', 200_000),
    largeBlob: await upstream.addBlob('large', 50_000_000),
  };
}
