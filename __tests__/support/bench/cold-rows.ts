// What no cache has yet: every round pulls an image or a blob that nobody has asked for before.
import { megabyte } from '../measure/bench.ts';
import { readMetric } from '../metrics.ts';
import { pollUntil } from '../signal.ts';
import type { Contender } from './contender.ts';
import type { PullJob } from './client-jobs.ts';
import { restsFor } from './process-tree.ts';
import type { BenchRow } from './row.ts';
import type { BenchStage } from './stage.ts';
import type { BenchImage } from './upstream.ts';

/** As many as `dockerd` pulls at a time. */
const layersAtATime = 3;
/** Unequal, as layers are; 420 MB in all. */
const largeLayers = [120, 90, 70, 50, 40, 25, 15, 8, 2].map((size) => size * megabyte);
/** Far more than a pull of them takes: after 1.2 GB copying into files was still slow at times, not for all mirrors alike. */
const touchedBytes = 5500 * megabyte;
/** Long enough for the kernel's books, which count hundredths of a second. */
const restMs = 100;
const smallLayers = Array<number>(40).fill(200_000);

/** As clients do: the tag's manifest, then config and layers. */
function jobOf(image: BenchImage): Pick<PullJob, 'steps' | 'connections'> {
  return { steps: [[image.byTag], [image.config, ...image.layers]], connections: layersAtATime };
}

/** One of each for every round, the uncounted one included; the page cache has them since they were made just now. */
export async function makeForRounds<T>(stage: BenchStage, make: (round: number) => Promise<T>): Promise<readonly T[]> {
  const made: T[] = [];
  for (let round = 0; round <= stage.rounds; round += 1) made.push(await make(round));
  return made;
}

/** Nobody is still bringing in, or writing out, what was pulled before. */
export async function settleFills(stage: BenchStage, contenders: readonly Contender[]): Promise<void> {
  for (const { adminUrl, daemon } of contenders) {
    // Of others only the processor tells: docker-registry fetches once more for itself what it has given out.
    const isIdle = async (): Promise<boolean> =>
      adminUrl === undefined
        ? daemon === undefined || (await restsFor(daemon.pid, restMs))
        : (await readMetric(adminUrl, 'stowage_fills_running')) === 0;
    await pollUntil(isIdle, { what: 'no fills to run', deadlineMs: 60_000 });
  }
  await stage.settleDisk();
}

/** The upstream's own files are in memory, for whoever comes first in a round as well. */
async function warmUpstream(stage: BenchStage, image: BenchImage): Promise<void> {
  await stage.client.pull({ url: stage.upstream.url, ...jobOf(image), isVerified: false });
}

/** Whether this pull is one of those that are verified and not timed. */
export const isVerified = (round: number): boolean => round === 0;

export const coldRows: readonly BenchRow[] = [
  {
    name: 'cold pull of 9 layers, 420 MB in all, 3 at a time',
    unit: 'MB/s',
    bars: [
      { against: 'registry', atLeast: 1.3 },
      { against: 'nginx', atLeast: 0.75 },
    ],
    async open(stage, contenders) {
      const images = await makeForRounds(stage, (round) => stage.upstream.addImage(`large-${round}`, largeLayers));
      return {
        async settle(round) {
          await settleFills(stage, contenders);
          await stage.emptyPageCache();
          await stage.touchMemory(touchedBytes);
          await warmUpstream(stage, images[round] as BenchImage);
        },
        async measure({ url }, round) {
          const job = jobOf(images[round] as BenchImage);
          const { bytes, totalMs } = await stage.client.pull({ url, ...job, isVerified: isVerified(round) });
          return bytes / megabyte / (totalMs / 1000);
        },
      };
    },
  },
  {
    name: 'cold pull of 40 layers of 200 kB, 3 at a time',
    unit: 'ms',
    bars: [{ against: 'registry', atMost: 0.3 }],
    async open(stage, contenders) {
      const images = await makeForRounds(stage, (round) => stage.upstream.addImage(`small-${round}`, smallLayers));
      return {
        async settle(round) {
          await settleFills(stage, contenders);
          await warmUpstream(stage, images[round] as BenchImage);
        },
        async measure({ url }, round) {
          const job = jobOf(images[round] as BenchImage);
          return (await stage.client.pull({ url, ...job, isVerified: isVerified(round) })).totalMs;
        },
      };
    },
  },
  {
    name: 'first byte of a cold 20 MB blob',
    unit: 'ms',
    bars: [],
    async open(stage, contenders) {
      const paths = await makeForRounds(stage, (round) => stage.upstream.addBlob(`first ${round}`, 20 * megabyte));
      return {
        settle: () => settleFills(stage, contenders),
        async measure({ url }, round) {
          const steps = [[paths[round] as string]];
          return (await stage.client.pull({ url, steps, connections: 1, isVerified: isVerified(round) })).firstByteMs;
        },
      };
    },
  },
];
