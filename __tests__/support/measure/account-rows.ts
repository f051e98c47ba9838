// Who guesses learns nothing from the time that an answer takes.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hashSync } from 'bcryptjs';
import { basic, pull } from '../raw-client.ts';
import type { Row } from './bench.ts';

/** Most of what an answer takes, and yet 2,000 of them end in a minute or two. */
const cost = 7;
const longestDifference = 0.05;

export const accountRows: readonly Row[] = [
  {
    name: '1,000 wrong passwords',
    bar: 'known and unknown users: the same answer, medians within 5 %',
    async run(bench) {
      const directory = await mkdtemp(join(tmpdir(), 'stowage-measure-'));
      bench.onEnd(() => rm(directory, { recursive: true, force: true }));
      const file = join(directory, 'htpasswd');
      await writeFile(file, `alice:${hashSync('wonderland', cost)}\n`);
      const upstream = await bench.upstream();
      const mirror = await bench.mirrorOf({
        upstreams: [{ name: 'registry.test', url: upstream.url, default: true }],
        // Each guess comes from elsewhere: else most of them would be put off.
        config: { clients: { accounts: { file }, trustedProxies: ['127.0.0.1'] } },
        login: 'alice:wonderland',
      });
      const { origin } = new URL(mirror.address);
      const guess = async (user: string, index: number): Promise<{ readonly ms: number; readonly answer: string }> => {
        const authorization = basic(user, `wrong ${index}`);
        const client = `192.0.${user === 'alice' ? 2 : 3}.${index % 250}`;
        const pulled = await pull(origin, '/v2/', { headers: { authorization, 'x-forwarded-for': client } });
        const { date: _date, ...headers } = pulled.headers;
        return { ms: pulled.totalMs, answer: JSON.stringify([pulled.status, headers, pulled.body.toString()]) };
      };
      const times: Record<'alice' | 'nobody', number[]> = { alice: [], nobody: [] };
      const answers = new Set<string>();
      for (let index = 0; index < 1000; index += 1) {
        // By turns, so that whatever else the machine does meets both.
        for (const user of ['alice', 'nobody'] as const) {
          const { ms, answer } = await guess(user, index);
          times[user].push(ms);
          answers.add(answer);
        }
      }
      const [known, unknown] = [median(times.alice), median(times.nobody)];
      const difference = Math.abs(known - unknown) / known;
      return {
        passes: answers.size === 1 && difference < longestDifference,
        figures: `median known ${known.toFixed(1)} ms, unknown ${unknown.toFixed(1)} ms (${(difference * 100).toFixed(1)} %), ${answers.size} different answer`,
      };
    },
  },
];

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;
}
