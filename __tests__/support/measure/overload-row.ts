// Ten times what may wait for an upstream that does not answer must be turned away, and not be felt by who pulls what is here.
import { pull, type Pulled } from '../raw-client.ts';
import { megabyte, seconds, type Row } from './bench.ts';

const questions = 10_000;
/** Small, so that what this process itself has to do is not measured as the wait of a hit. */
const batch = 20;
/** `maxQuestions` of `src/upstream/crowd.ts`. */
const places = 1000;
const barMs = 50;
const barBytes = 150 * megabyte;

export const overloadRow: Row = {
  name: '10,000 cold manifests at an upstream that does not answer',
  bar: `all but ${places} get 503 with Retry-After; p99 of cached manifests < ${barMs} ms; < ${barBytes / megabyte} MB more; recovers`,
  async run(bench) {
    const upstream = await bench.upstream();
    await upstream.addImage('team/app', 'v1', ['a layer']);
    const mirror = await bench.mirror(upstream);
    const ask = (path: string): Promise<Pulled> => pull(mirror.address, `/v2/${path}`);
    for (let index = 0; index < 1000; index += 1) await ask('team/app/manifests/v1');
    const beforeBytes = mirror.residentBytes();
    await upstream.script({ path: '/cold/' }, { isSilent: true });
    const waiting = Array.from({ length: places }, (_, index) => ask(`cold/n${index}/manifests/v1`));
    const hits: number[] = [];
    const refused: Pulled[] = [];
    let mostBytes = 0;
    for (let index = places; index < questions; index += batch) {
      const crowd = Array.from({ length: batch }, (_, n) => ask(`cold/n${index + n}/manifests/v1`));
      for (let n = 0; n < batch / 4; n += 1) hits.push(await timeHit(ask));
      refused.push(...(await Promise.all(crowd)));
      mostBytes = Math.max(mostBytes, mirror.residentBytes());
    }
    await Promise.all(waiting);
    const startMs = performance.now();
    await upstream.script({ path: '/cold/' }, {});
    await upstream.addImage('cold/n0', 'v1', ['a layer']);
    while ((await ask('cold/n0/manifests/v1')).status !== 200) {
      if (performance.now() - startMs > 30_000) throw new Error('it did not recover');
    }
    const right = refused.filter(({ status, headers }) => status === 503 && headers['retry-after'] !== undefined);
    const p99 = hits.toSorted((a, b) => a - b)[Math.floor(hits.length * 0.99)] ?? Number.NaN;
    const more = mostBytes - beforeBytes;
    return {
      passes: right.length === questions - places && p99 < barMs && more < barBytes,
      figures: [
        `${right.length} of ${questions - places} refused`,
        `p99 of hits ${p99.toFixed(1)} ms`,
        `${(more / megabyte).toFixed(0)} MB more`,
        `recovered after ${seconds(performance.now() - startMs)}`,
      ].join(', '),
    };
  },
};

async function timeHit(ask: (path: string) => Promise<Pulled>): Promise<number> {
  const { status, totalMs } = await ask('team/app/manifests/v1');
  if (status !== 200) throw new Error(`the cached manifest was answered with ${status}`);
  return totalMs;
}
