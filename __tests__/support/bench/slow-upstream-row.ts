import { megabyte } from '../measure/bench.ts';
import { startRemoteUpstream } from '../remote-upstream.ts';
import { isVerified, makeForRounds, settleFills } from './cold-rows.ts';
import type { BenchRow } from './row.ts';

const bytesPerSecond = 20 * megabyte;
const sizeBytes = 1000 * megabyte;
/** Going direct is as fast as the rate of a connection: a fifth of the way tells the rest. */
const directBytes = sizeBytes / 5;

/** A layer that one connection would take 50 s for. Only Stowage asks for it with more than one. */
export const slowUpstreamRow: BenchRow = {
  name: 'cold 1 GB layer, upstream 20 MB/s per connection',
  unit: 'MB/s',
  bars: [{ against: 'direct', atLeast: 3 }],
  contenders: [],
  async open(stage) {
    const upstream = await startRemoteUpstream({ bytesPerSecond });
    stage.onClose(upstream.close);
    const contenders = [
      await stage.startOther('stowage', { upstreamUrl: upstream.url }),
      await stage.startOther('direct', { upstreamUrl: upstream.url }),
    ];
    const addFor = async (name: string, round: number): Promise<string> => {
      // The round that does not count is only there to get warm.
      const size = (name === 'direct' ? directBytes : sizeBytes) / (isVerified(round) ? 10 : 1);
      const { digest } = await upstream.addBlob('team/app', { seed: `slow ${name} ${round}`, sizeBytes: size });
      return `/v2/team/app/blobs/${digest}`;
    };
    const paths = await makeForRounds(
      stage,
      async (round) =>
        new Map([
          ['stowage', await addFor('stowage', round)],
          ['direct', await addFor('direct', round)],
        ]),
    );
    return {
      contenders,
      settle: () => settleFills(stage, contenders),
      async measure({ name, url }, round) {
        const steps = [[paths[round]?.get(name) ?? '']];
        const pulled = await stage.client.pull({ url, steps, connections: 1, isVerified: isVerified(round) });
        return pulled.bytes / megabyte / (pulled.totalMs / 1000);
      },
    };
  },
};
