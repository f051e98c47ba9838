// What lies in every cache already, asked for by wrk.
import { pull } from '../raw-client.ts';
import { megabyte } from '../measure/bench.ts';
import { acceptHeader } from './client-jobs.ts';
import type { Contender } from './contender.ts';
import { readCpuSeconds } from './process-tree.ts';
import type { Bar, BenchRow } from './row.ts';
import type { WarmContent } from './stage.ts';
import { runWrk, type WrkOutcome } from './wrk.ts';

/** How many connections wrk has where the row does not say. */
const usualConnections = 16;

interface WarmRow extends Pick<BenchRow, 'name' | 'unit' | 'bars' | 'contenders'> {
  readonly connections?: number;
  pathOf(content: WarmContent): string;
  /** Default: what came per second, in the row's unit. */
  figureOf?(outcome: WrkOutcome, cpuSeconds: number): number;
}

const perSecond = {
  'requests/s': (outcome: WrkOutcome) => outcome.requestsPerSecond,
  'MB/s': (outcome: WrkOutcome) => outcome.bytesPerSecond / megabyte,
};

function createWarmRow(row: WarmRow): BenchRow {
  const { connections = usualConnections, pathOf, figureOf, ...rest } = row;
  return {
    ...rest,
    async open(stage, contenders) {
      const path = pathOf(await stage.warmContent());
      for (const contender of contenders) await bringIn(contender, path);
      return {
        async measure(contender, round) {
          const pid = contender.daemon?.pid;
          const before = pid === undefined ? 0 : readCpuSeconds(pid);
          const outcome = await runWrk({
            url: contender.url + path,
            connections,
            seconds: round === 0 ? 1 : stage.seconds,
            directory: stage.directory,
          });
          const cpuSeconds = pid === undefined ? 0 : readCpuSeconds(pid) - before;
          if (figureOf !== undefined) return figureOf(outcome, cpuSeconds);
          return perSecond[row.unit as keyof typeof perSecond](outcome);
        },
      };
    },
  };
}

/** Two whole pulls with the right bytes: the first fills the cache. */
async function bringIn({ name, url }: Contender, path: string): Promise<void> {
  const [expected] = /sha256:\w+$/.exec(path) ?? [];
  for (let i = 0; i < 2; i += 1) {
    const { status, isComplete, digest } = await pull(url, path, { headers: { accept: acceptHeader } });
    if (status !== 200 || !isComplete || (expected !== undefined && digest !== expected))
      throw new Error(`${name} answers ${status} with ${digest} to ${path}`);
  }
}

const besideNginx: Bar = { against: 'nginx', atLeast: 0.4 };
const filesBesideNginx: Bar = { against: 'nginx', atLeast: 0.95 };

export const warmRows: readonly BenchRow[] = [
  {
    name: 'warm manifest by tag',
    unit: 'requests/s',
    bars: [{ against: 'registry', atLeast: 60 }, besideNginx],
    pathOf: ({ image }: WarmContent) => image.byTag,
  },
  {
    name: 'warm manifest by digest',
    unit: 'requests/s',
    bars: [{ against: 'registry', atLeast: 15 }, besideNginx],
    pathOf: ({ image }: WarmContent) => image.byDigest,
  },
  {
    name: 'warm 200 kB blob',
    unit: 'requests/s',
    bars: [{ against: 'registry', atLeast: 8 }, besideNginx],
    pathOf: ({ smallBlob }: WarmContent) => smallBlob,
  },
  {
    name: 'warm 50 MB blob, 1 client',
    unit: 'MB/s',
    bars: [filesBesideNginx],
    connections: 1,
    pathOf: ({ largeBlob }: WarmContent) => largeBlob,
  },
  {
    name: 'warm 50 MB blob, 16 clients',
    unit: 'MB/s',
    bars: [filesBesideNginx],
    pathOf: ({ largeBlob }: WarmContent) => largeBlob,
  },
  {
    name: 'warm 50 MB blob, 200 clients',
    unit: 'MB/s',
    bars: [],
    connections: 200,
    pathOf: ({ largeBlob }: WarmContent) => largeBlob,
  },
  {
    name: 'CPU time for warm 50 MB blobs, 16 clients',
    unit: 'CPU s/GB',
    bars: [],
    pathOf: ({ largeBlob }: WarmContent) => largeBlob,
    figureOf: ({ bytes }: WrkOutcome, cpuSeconds: number) => cpuSeconds / (bytes / 1e9),
  },
  {
    name: 'log of requests on and off, warm manifest by tag',
    unit: 'requests/s',
    bars: [],
    contenders: ['stowage', 'quiet'],
    pathOf: ({ image }: WarmContent) => image.byTag,
  },
].map((row) => createWarmRow(row as WarmRow));
