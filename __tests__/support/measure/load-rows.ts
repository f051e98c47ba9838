// Speed, memory, and many images at once.
import { Agent } from 'node:http';
import { createSeededContent } from '../content.ts';
import { pull, startPull } from '../raw-client.ts';
import type { RemoteImage } from '../remote-upstream.ts';
import { isRight, blobGet, megabyte, ratio, seconds, sleep, type Row } from './bench.ts';

const layersOf = (count: number, sizeBytes: number) =>
  Array.from({ length: count }, (_, i) => ({ seed: `layer ${i}`, sizeBytes }));

/** Pulls an image as a client does: tag, then config and layers, three at a time. */
async function pullImage(address: string, repository: string, tag: string, image: RemoteImage): Promise<boolean> {
  const agent = new Agent({ keepAlive: true, maxSockets: 4 });
  const manifest = await pull(address, `/v2/${repository}/manifests/${tag}`, { agent });
  const parts = [image.config, ...image.layers];
  let isWhole = manifest.digest === image.digest;
  const worker = async (): Promise<void> => {
    for (let part = parts.shift(); part !== undefined; part = parts.shift()) {
      const pulled = await pull(address, `/v2/${repository}/blobs/${part.digest}`, { agent });
      isWhole &&= isRight(pulled, part.digest);
    }
  };
  await Promise.all([worker(), worker(), worker()]);
  agent.destroy();
  return isWhole;
}

export const loadRows: readonly Row[] = [
  {
    name: 'cold pull of 40 layers with token auth and CDN redirects',
    bar: '<= 2 token requests, 0 Authorization headers at the CDN',
    async run(bench) {
      const upstream = await bench.upstream({ tokens: {}, hasCdn: true });
      const image = await upstream.addImage('team/app', 'latest', layersOf(40, 200_000));
      const mirror = await bench.mirror(upstream);
      const isWhole = await pullImage(mirror.address, 'team/app', 'latest', image);
      const tokens = (await upstream.find({}, 'tokens')).length;
      const atCdn = await upstream.find({}, 'cdn');
      const leaks = atCdn.filter((request) => request.headers['authorization'] !== undefined).length;
      return {
        passes: isWhole && tokens <= 2 && leaks === 0 && atCdn.length > 0,
        figures: `whole ${isWhole}, ${tokens} token requests, ${atCdn.length} CDN requests with ${leaks} Authorization headers`,
      };
    },
  },
  {
    name: 'token expires in the middle',
    bar: 'unseen by the client',
    async run(bench) {
      const upstream = await bench.upstream({ tokens: {}, bytesPerSecond: 10 * megabyte });
      const size = 60 * megabyte;
      const { digest } = await upstream.addBlob('team/app', { seed: 'expires', sizeBytes: size });
      const mirror = await bench.mirror(upstream);
      const pulling = startPull(mirror.address, `/v2/team/app/blobs/${digest}`);
      await pulling.untilReceived(megabyte);
      await upstream.expireTokens();
      const pulled = await pulling.done;
      const bytes = await upstream.bytesOf(blobGet);
      const right = isRight(pulled, digest);
      return { passes: right && bytes <= 1.05 * size, figures: `right ${right}, upstream ${ratio(bytes, size)}` };
    },
  },
  {
    name: '1 GB layer, upstream 20 MB/s per connection, plain sequential client',
    bar: 'at least 3 x as fast as going direct',
    async run(bench) {
      const rate = 20 * megabyte;
      const size = 1000 * megabyte;
      const upstream = await bench.upstream({ bytesPerSecond: rate });
      const { digest } = await upstream.addBlob('team/app', { seed: 'gigabyte', sizeBytes: size });
      const mirror = await bench.mirror(upstream);
      const path = `/v2/team/app/blobs/${digest}`;
      // A tenth of the way direct tells the rest: the rate is the connection's.
      const sample = bench.isFull ? size : size / 10;
      const direct = await pull(upstream.url, path, { range: `bytes=0-${sample - 1}` });
      const directMs = (direct.totalMs * size) / sample;
      const before = await upstream.bytesOf(blobGet);
      const pulled = await pull(mirror.address, path);
      const bytes = (await upstream.bytesOf(blobGet)) - before;
      const factor = directMs / pulled.totalMs;
      const right = isRight(pulled, digest);
      return {
        passes: right && factor >= 3 && bytes <= 1.05 * size,
        figures: `direct ${seconds(directMs)}, mirror ${seconds(pulled.totalMs)}: ${factor.toFixed(2)} x; right ${right}, upstream ${ratio(bytes, size)}`,
      };
    },
  },
  {
    name: '60 clients each pulling 40 layers',
    bar: 'every byte right, <= 44 upstream blob GETs',
    async run(bench) {
      const upstream = await bench.upstream();
      const image = await upstream.addImage('team/app', 'latest', layersOf(40, megabyte));
      const mirror = await bench.mirror(upstream);
      const startMs = performance.now();
      const all = await Promise.all(
        Array.from({ length: 60 }, () => pullImage(mirror.address, 'team/app', 'latest', image)),
      );
      const took = performance.now() - startMs;
      const whole = all.filter(Boolean).length;
      const gets = (await upstream.find(blobGet)).length;
      return {
        passes: whole === 60 && gets <= 44,
        figures: `${whole} of 60 whole in ${seconds(took)}, ${gets} blob GETs`,
      };
    },
  },
  {
    name: '64 clients at 4 MB/s each on a 1 GB cold blob',
    bar: 'resident memory < 400 MB',
    async run(bench) {
      const size = 1000 * megabyte;
      const upstream = await bench.upstream();
      const { digest } = await upstream.addBlob('team/app', { seed: 'memory', sizeBytes: size });
      const content = createSeededContent('memory', size);
      const mirror = await bench.mirror(upstream);
      const path = `/v2/team/app/blobs/${digest}`;
      const pulls = Array.from({ length: 64 }, () =>
        startPull(mirror.address, path, { bytesPerSecond: 4 * megabyte, keepBody: false }),
      );
      let most = 0;
      const endMs = performance.now() + (bench.isFull ? 300_000 : 45_000);
      const isAnyUnderWay = (): boolean => pulls.some((pulling) => pulling.received < content.sizeBytes);
      while (performance.now() < endMs && isAnyUnderWay()) {
        most = Math.max(most, mirror.residentBytes());
        await sleep(100);
      }
      const moved = pulls.reduce((sum, pulling) => sum + pulling.received, 0);
      for (const pulling of pulls) pulling.abort();
      await Promise.all(pulls.map((pulling) => pulling.done));
      const bytes = await upstream.bytesOf(blobGet);
      return {
        passes: most < 400 * megabyte && moved > 0 && bytes <= 1.05 * size,
        figures: `at most ${Math.round(most / megabyte)} MB, ${Math.round(moved / megabyte)} MB delivered, upstream ${ratio(bytes, size)}`,
      };
    },
  },
];
