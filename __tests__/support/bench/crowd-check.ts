import { megabyte, seconds, sleep } from '../measure/bench.ts';
import { readMetrics } from '../measure/scale-watch.ts';
import { megabytes } from '../measure/store-checks.ts';
import { readTreePeakBytes } from './process-tree.ts';
import { median } from './rounds.ts';
import type { BenchCheck } from './row.ts';

const clients = 2000;
const sizeBytes = 100 * megabyte;
const lagBarMs = 100;
const residentBarBytes = 400 * megabyte;
/** 200 GB: twice as long as the slowest machine so far takes. */
const deadlineMs = 900_000;
/** Long enough for a p99, short enough that one bad moment is seen. */
const windowMs = 5000;

/** A mirror of its own: its memory is judged apart from that of the other rows. */
export const crowdCheck: BenchCheck = {
  name: `${clients.toLocaleString('en-US')} clients at once on one cold 100 MB blob`,
  bar: `all right, event-loop lag p99 < ${lagBarMs} ms, resident < ${megabytes(residentBarBytes)}`,
  async run(stage) {
    const seed = 'crowd';
    const path = await stage.upstream.addBlob(seed, sizeBytes);
    const {
      url,
      adminUrl = '',
      daemon,
    } = await stage.startOther('stowage', {
      upstreamUrl: stage.upstream.url,
      isJudgedApart: true,
    });
    const small = await stage.upstream.addBlob('before the crowd', megabyte);
    await stage.client.pull({ url, steps: [[small]], connections: 1, isVerified: true });
    return stage.takeTurn(async () => {
      const lags: number[] = [];
      let isOver = false;
      await readMetrics(adminUrl);
      const watching = (async () => {
        while (!isOver) {
          await sleep(windowMs);
          lags.push(((await readMetrics(adminUrl)).get('stowage_nodejs_eventloop_lag_p99_seconds') ?? NaN) * 1000);
        }
      })();
      const outcome = await stage.client
        .crowd({ url, path, clients, seed, sizeBytes, deadlineMs })
        .finally(() => (isOver = true));
      await watching;
      const residentBytes = readTreePeakBytes(daemon?.pid ?? 0);
      const worstMs = Math.max(...lags);
      return {
        passes: outcome.right === clients && worstMs < lagBarMs && residentBytes < residentBarBytes,
        figures: [
          `${outcome.right} right in ${seconds(outcome.totalMs)} (${Math.round(outcome.bytes / megabyte / (outcome.totalMs / 1000))} MB/s in all)`,
          `lag p99 ${median(lags).toFixed(0)} ms, ${worstMs.toFixed(0)} ms in the worst ${seconds(windowMs)}`,
          `resident at most ${megabytes(residentBytes)}`,
          ...(outcome.totalMs < deadlineMs ? outcome.failures : [`cut off after ${seconds(deadlineMs)}`]),
        ].join('; '),
      };
    });
  },
};
