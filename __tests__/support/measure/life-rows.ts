// Starting, stopping, and leaving nothing behind.
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { pull, startPull } from '../raw-client.ts';
import { pollUntil } from '../signal.ts';
import { isRight, megabyte, sleep, type Row } from './bench.ts';

export const lifeRows: readonly Row[] = [
  {
    name: 'SIGTERM during a pull',
    bar: 'pull finishes, exit 0',
    async run(bench) {
      const upstream = await bench.upstream({ bytesPerSecond: 10 * megabyte });
      const { digest } = await upstream.addBlob('team/app', { seed: 'term', sizeBytes: 80 * megabyte });
      const mirror = await bench.mirror(upstream);
      const pulling = startPull(mirror.address, `/v2/team/app/blobs/${digest}`);
      await pulling.untilReceived(megabyte);
      mirror.signal('SIGTERM');
      const pulled = await pulling.done;
      const status = await Promise.race([mirror.exited, sleep(10_000).then(() => 'still running')]);
      const right = isRight(pulled, digest);
      return { passes: right && status === 0, figures: `pull right ${right}, exit ${status}` };
    },
  },
  {
    name: '200 aborted pulls',
    bar: 'descriptors back at baseline; `fills/` holds only what runs or is parked within its bounds',
    async run(bench) {
      const upstream = await bench.upstream({ bytesPerSecond: 20 * megabyte });
      const cached = await upstream.addBlob('team/app', { seed: 'cached', sizeBytes: 20 * megabyte });
      const cold = await Promise.all(
        Array.from({ length: 10 }, (_, i) =>
          upstream.addBlob('team/app', { seed: `cold ${i}`, sizeBytes: 20 * megabyte }),
        ),
      );
      const mirror = await bench.mirror(upstream);
      const pathOf = (digest: string): string => `/v2/team/app/blobs/${digest}`;
      await pull(mirror.address, pathOf(cached.digest));
      await sleep(1000);
      const baseline = mirror.descriptors().length;
      for (let round = 0; round < 20; round += 1) {
        const digests = Array.from({ length: 10 }, (_, i) => (round % 2 === 0 ? cached : cold[i])?.digest ?? '');
        await Promise.all(digests.map((digest) => pull(mirror.address, pathOf(digest), { abortAfter: 100_000 })));
      }
      const running = async (): Promise<number> =>
        (await readdir(join(mirror.cachePath, 'fills'), { recursive: true })).length;
      // Abandoned fills of at most 1 GiB complete: then nothing is left, and only blob files may stay open.
      const isQuiet = await pollUntil(async () => (await running()) === 0, { deadlineMs: 30_000 }).then(
        () => true,
        () => false,
      );
      const open = (): readonly string[] =>
        mirror.descriptors().filter((target) => !target.includes('/blobs/') && !target.startsWith('socket:'));
      const sockets = (): number => mirror.descriptors().filter((target) => target.startsWith('socket:')).length;
      await pollUntil(() => sockets() < 20, { deadlineMs: 10_000 }).catch(() => {});
      const inFills = open().filter((target) => target.includes('/fills/')).length;
      return {
        passes: isQuiet && inFills === 0 && open().length <= baseline && sockets() < 20,
        figures: `baseline ${baseline}, now ${open().length} without blobs and sockets, ${sockets()} sockets, ${inFills} in fills/, ${await running()} files left there`,
      };
    },
  },
  {
    name: 'start with every upstream away',
    bar: 'serves `/v2/`, digests, and tags within `tagTtl`',
    async run(bench) {
      const upstream = await bench.upstream();
      const image = await upstream.addImage('team/app', 'latest', [{ seed: 'away', sizeBytes: megabyte }]);
      const mirror = await bench.mirror(upstream);
      const paths = [
        'manifests/latest',
        `manifests/${image.digest}`,
        `blobs/${image.config.digest}`,
        ...image.layers.map((layer) => `blobs/${layer.digest}`),
      ];
      for (const path of paths) await pull(mirror.address, `/v2/team/app/${path}`);
      await mirror.terminate();
      await upstream.down();
      await mirror.start();
      const ping = await pull(mirror.address, '/v2/');
      const all = [];
      for (const path of paths) all.push(await pull(mirror.address, `/v2/team/app/${path}`));
      const good = all.filter((pulled) => pulled.status === 200 && pulled.isComplete).length;
      return {
        passes: ping.status === 200 && good === paths.length,
        figures: `/v2/ ${ping.status}, ${good} of ${paths.length} served: ${all.map((pulled) => pulled.status).join(' ')}`,
      };
    },
  },
];
