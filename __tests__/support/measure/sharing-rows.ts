// Many clients, one transfer.
import { createSeededContent } from '../content.ts';
import { pull, startPull } from '../raw-client.ts';
import { pollUntil } from '../signal.ts';
import { isRight, blobGet, mebibyte, megabyte, ratio, seconds, sleep, type Row } from './bench.ts';

export const sharingRows: readonly Row[] = [
  {
    name: '20 clients, one cold 50 MB blob',
    bar: 'upstream bytes <= 1.05 x the blob; all 20 right',
    async run(bench) {
      const upstream = await bench.upstream();
      const size = 50 * megabyte;
      const { digest } = await upstream.addBlob('team/app', { seed: 'twenty', sizeBytes: size });
      const mirror = await bench.mirror(upstream);
      const all = await Promise.all(
        Array.from({ length: 20 }, () => pull(mirror.address, `/v2/team/app/blobs/${digest}`)),
      );
      const right = all.filter((pulled) => isRight(pulled, digest)).length;
      const bytes = await upstream.bytesOf(blobGet);
      return {
        passes: right === 20 && bytes <= 1.05 * size,
        figures: `${right} right, upstream ${ratio(bytes, size)}`,
      };
    },
  },
  {
    name: 'a follower that joins 1.5 s into a 10 MB/s fill',
    bar: 'first byte < 0.5 s, no second upstream transfer',
    async run(bench) {
      const upstream = await bench.upstream({ bytesPerSecond: 10 * megabyte });
      const size = 150 * megabyte;
      const { digest } = await upstream.addBlob('team/app', { seed: 'follower', sizeBytes: size });
      const mirror = await bench.mirror(upstream);
      const path = `/v2/team/app/blobs/${digest}`;
      const first = pull(mirror.address, path);
      await sleep(1500);
      const follower = await pull(mirror.address, path);
      const leader = await first;
      const bytes = await upstream.bytesOf(blobGet);
      return {
        passes:
          isRight(leader, digest) &&
          isRight(follower, digest) &&
          (follower.firstByteMs ?? Infinity) < 500 &&
          bytes <= 1.05 * size,
        figures: `first byte ${seconds(follower.firstByteMs)}, upstream ${ratio(bytes, size)}, right ${isRight(leader, digest)}/${isRight(follower, digest)}`,
      };
    },
  },
  {
    name: 'range 1-2 MiB of a cold blob, 10 MB/s upstream',
    bar: 'exact 206 in < 1.5 s',
    async run(bench) {
      const upstream = await bench.upstream({ bytesPerSecond: 10 * megabyte });
      const size = 50 * megabyte;
      const seed = { seed: 'range', sizeBytes: size };
      const { digest } = await upstream.addBlob('team/app', seed);
      const mirror = await bench.mirror(upstream);
      const range = `bytes=${mebibyte}-${2 * mebibyte - 1}`;
      const pulled = await pull(mirror.address, `/v2/team/app/blobs/${digest}`, { range, keepBody: true });
      const expected = createSeededContent(seed.seed, size).read(mebibyte, 2 * mebibyte);
      const isExact =
        pulled.status === 206 &&
        pulled.headers['content-range'] === `bytes ${mebibyte}-${2 * mebibyte - 1}/${size}` &&
        pulled.body.equals(expected);
      return {
        passes: isExact && pulled.totalMs < 1500,
        figures: `${pulled.status}, exact ${isExact}, ${seconds(pulled.totalMs)}`,
      };
    },
  },
  {
    name: 'last 4 KB of a cold 50 MB blob, 5 MB/s upstream',
    bar: '206 in < 2 s; <= 1.05 x the blob in all once the fill is done',
    async run(bench) {
      const upstream = await bench.upstream({ bytesPerSecond: 5 * megabyte });
      const size = 50 * megabyte;
      const seed = { seed: 'tail', sizeBytes: size };
      const { digest } = await upstream.addBlob('team/app', seed);
      const mirror = await bench.mirror(upstream);
      const path = `/v2/team/app/blobs/${digest}`;
      const tail = await pull(mirror.address, path, { range: 'bytes=-4096', keepBody: true });
      const isExact =
        tail.status === 206 && tail.body.equals(createSeededContent(seed.seed, size).read(size - 4096, size));
      const whole = await pull(mirror.address, path);
      const bytes = await upstream.bytesOf(blobGet);
      return {
        passes: isExact && tail.totalMs < 2000 && isRight(whole, digest) && bytes <= 1.05 * size,
        figures: `exact ${isExact} in ${seconds(tail.totalMs)}, whole right ${isRight(whole, digest)}, upstream ${ratio(bytes, size)}`,
      };
    },
  },
  {
    name: '40 parallel ranges of one cold blob',
    bar: '40 exact 206, upstream <= 1.2 x',
    async run(bench) {
      const upstream = await bench.upstream({ bytesPerSecond: 20 * megabyte });
      const size = 40 * mebibyte;
      const content = createSeededContent('forty', size);
      const { digest } = await upstream.addBlob('team/app', { seed: 'forty', sizeBytes: size });
      const mirror = await bench.mirror(upstream);
      const pulls = Array.from({ length: 40 }, async (_, i) => {
        const start = i * mebibyte;
        const range = `bytes=${start}-${start + mebibyte - 1}`;
        const pulled = await pull(mirror.address, `/v2/team/app/blobs/${digest}`, { range, keepBody: true });
        return pulled.status === 206 && pulled.body.equals(content.read(start, start + mebibyte));
      });
      const exact = (await Promise.all(pulls)).filter(Boolean).length;
      const bytes = await upstream.bytesOf(blobGet);
      return { passes: exact === 40 && bytes <= 1.2 * size, figures: `${exact} exact, upstream ${ratio(bytes, size)}` };
    },
  },
  {
    name: 'client leaves after 20 % of 50 MB',
    bar: 'fill completes; the next pull costs upstream nothing',
    async run(bench) {
      const upstream = await bench.upstream({ bytesPerSecond: 20 * megabyte });
      const size = 50 * megabyte;
      const { digest } = await upstream.addBlob('team/app', { seed: 'leaves', sizeBytes: size });
      const mirror = await bench.mirror(upstream);
      const path = `/v2/team/app/blobs/${digest}`;
      await startPull(mirror.address, path, { abortAfter: size / 5 }).done;
      const hasFilled = await pollUntil(async () => (await upstream.bytesOf(blobGet)) >= size, {
        deadlineMs: 15_000,
      }).then(
        () => true,
        () => false,
      );
      const before = await upstream.find({ path: '/blobs/' });
      const next = await pull(mirror.address, path);
      const cost = (await upstream.find({ path: '/blobs/' })).length - before.length;
      const bytes = await upstream.bytesOf(blobGet);
      return {
        passes: hasFilled && isRight(next, digest) && cost === 0 && bytes <= 1.05 * size,
        figures: `filled ${hasFilled}, next right ${isRight(next, digest)} for ${cost} requests, upstream ${ratio(bytes, size)}`,
      };
    },
  },
];
