// Upstreams that break, lie, and come back.
import { createHash } from 'node:crypto';
import { pull, startPull, type Pulled } from '../raw-client.ts';
import type { RemoteFault, RemoteUpstream } from '../remote-upstream.ts';
import { isRight, blobGet, megabyte, ratio, seconds, sleep, type Bench, type Row, type Verdict } from './bench.ts';
import { untilCacheIsEmpty } from '../cache-files.ts';

const size = 50 * megabyte;
const shortTimeouts = { fill: { idleTimeout: '2s', resumeFor: '60s' } };

async function pullThrough(
  bench: Bench,
  readers: number,
  breakIt: (upstream: RemoteUpstream) => Promise<void>,
): Promise<Verdict> {
  const upstream = await bench.upstream({ bytesPerSecond: 10 * megabyte });
  const { digest } = await upstream.addBlob('team/app', { seed: 'breaks', sizeBytes: size });
  const mirror = await bench.mirror(upstream, shortTimeouts);
  const path = `/v2/team/app/blobs/${digest}`;
  const pulls = Array.from({ length: readers }, () => pull(mirror.address, path));
  await breakIt(upstream);
  const all = await Promise.all(pulls);
  const right = all.filter((pulled) => isRight(pulled, digest)).length;
  const bytes = await upstream.bytesOf(blobGet);
  const slowest = Math.max(...all.map((pulled) => pulled.totalMs));
  return {
    passes: right === readers && bytes <= 1.05 * size,
    figures: `${right} of ${readers} right in ${seconds(slowest)}, upstream ${ratio(bytes, size)}`,
  };
}

/** The faults are in place before the first request. */
function brokenBy(name: string, times: number, fault: RemoteFault): Row {
  return {
    name,
    bar: 'clients get every byte; upstream <= 1.05 x',
    async run(bench) {
      const upstream = await bench.upstream({ bytesPerSecond: 20 * megabyte });
      const { digest } = await upstream.addBlob('team/app', { seed: 'breaks', sizeBytes: size });
      await upstream.script(blobGet, fault, { times });
      const mirror = await bench.mirror(upstream, shortTimeouts);
      const all = await Promise.all(
        Array.from({ length: 3 }, () => pull(mirror.address, `/v2/team/app/blobs/${digest}`)),
      );
      const right = all.filter((pulled) => isRight(pulled, digest)).length;
      const bytes = await upstream.bytesOf(blobGet);
      return {
        passes: right === 3 && bytes <= 1.05 * size,
        figures: `${right} of 3 right, upstream ${ratio(bytes, size)}`,
      };
    },
  };
}

export const faultRows: readonly Row[] = [
  brokenBy('upstream breaks at half', 1, { cut: { after: 4 * megabyte, by: 'FIN' } }),
  brokenBy('upstream breaks five times', 5, { cut: { after: megabyte, by: 'FIN' } }),
  brokenBy('upstream stalls', 1, { stall: { after: 3 * megabyte } }),
  {
    name: 'upstream refuses connections for 10 s with 5 readers attached',
    bar: 'clients get every byte; upstream <= 1.05 x',
    run: (bench) =>
      pullThrough(bench, 5, async (upstream) => {
        await sleep(600);
        await upstream.down();
        await sleep(10_000);
        await upstream.up();
      }),
  },
  {
    name: 'a pull through a repository that lacks the blob, beside pulls that may have it',
    bar: 'theirs are whole',
    async run(bench) {
      const upstream = await bench.upstream({ bytesPerSecond: 20 * megabyte });
      const { digest } = await upstream.addBlob('team/app', { seed: 'lacks', sizeBytes: size });
      await upstream.addBlob('team/other', 'something else');
      const mirror = await bench.mirror(upstream);
      const theirs = [1, 2, 3].map(() => pull(mirror.address, `/v2/team/app/blobs/${digest}`));
      const other = await pull(mirror.address, `/v2/team/other/blobs/${digest}`);
      const right = (await Promise.all(theirs)).filter((pulled) => isRight(pulled, digest)).length;
      return {
        passes: right === 3 && [200, 404].includes(other.status),
        figures: `${right} of 3 whole; the other got ${other.status}`,
      };
    },
  },
  {
    name: 'one wrong byte',
    bar: "client's connection is broken before the end; nothing kept; next pull right",
    async run(bench) {
      const upstream = await bench.upstream();
      const { digest } = await upstream.addBlob('team/app', { seed: 'wrong', sizeBytes: size });
      await upstream.script(blobGet, { flip: size - 100 });
      const mirror = await bench.mirror(upstream);
      const path = `/v2/team/app/blobs/${digest}`;
      const wrong = await pull(mirror.address, path);
      const kept = await untilCacheIsEmpty(mirror.cachePath);
      await upstream.script(blobGet, {});
      const next = await pull(mirror.address, path);
      const isBroken = !wrong.isComplete && wrong.bytes < size;
      return {
        passes: isBroken && kept.length === 0 && isRight(next, digest),
        figures: `broken ${isBroken} after ${wrong.bytes} bytes, kept ${kept.length} files, next right ${isRight(next, digest)}`,
      };
    },
  },
  {
    name: 'HTML with 200 for a manifest or a blob',
    bar: '502 or a broken body, never content; nothing kept',
    async run(bench) {
      const upstream = await bench.upstream();
      const { digest } = await upstream.addBlob('team/app', { seed: 'html', sizeBytes: size });
      const image = await upstream.addImage('team/app', 'latest', ['a layer']);
      const html = { status: 200, body: '<html>sign in</html>', headers: { 'content-type': 'text/html' } };
      await upstream.script({}, html);
      const mirror = await bench.mirror(upstream);
      const paths = ['manifests/latest', `manifests/${image.digest}`, `blobs/${digest}`];
      const all = [];
      for (const path of paths) all.push(await pull(mirror.address, `/v2/team/app/${path}`));
      const kept = await untilCacheIsEmpty(mirror.cachePath);
      const good = all.filter((pulled) => pulled.status === 502 || !pulled.isComplete).length;
      return {
        passes: good === 3 && kept.length === 0,
        figures: `${all.map((pulled) => `${pulled.status}${pulled.isComplete ? '' : ' broken'}`).join(', ')}; kept ${kept.length}`,
      };
    },
  },
  {
    name: 'kill -9 at half of a fill, restart',
    bar: 'next pull right, upstream <= 0.6 x for the second half',
    async run(bench) {
      const upstream = await bench.upstream({ bytesPerSecond: 10 * megabyte });
      const { digest } = await upstream.addBlob('team/app', { seed: 'killed', sizeBytes: size });
      const mirror = await bench.mirror(upstream);
      const path = `/v2/team/app/blobs/${digest}`;
      const first = startPull(mirror.address, path);
      await first.untilReceived(size / 2);
      await mirror.kill();
      await first.done;
      const before = await upstream.bytesOf(blobGet);
      await mirror.start();
      const next = await pull(mirror.address, path);
      const second = (await upstream.bytesOf(blobGet)) - before;
      return {
        passes: isRight(next, digest) && second <= 0.6 * size,
        figures: `next right ${isRight(next, digest)}, upstream ${ratio(second, size)} after ${ratio(before, size)}`,
      };
    },
  },
  {
    name: "private layer's digest asked through a public repository or another upstream",
    bar: '404, byte-equal to absent',
    async run(bench) {
      const upstream = await bench.upstream({
        tokens: { login: 'someone:planted-password', privateRepositories: ['team/secret'] },
      });
      const secret = await upstream.addBlob('team/secret', { seed: 'secret', sizeBytes: megabyte });
      await upstream.addImage('team/public', 'latest', ['a public layer']);
      const login = { username: 'someone', passwordEnv: 'PLANTED', authHosts: [new URL(upstream.realm ?? '').host] };
      const mirror = await bench.mirrorOf({
        upstreams: [
          { name: 'private.test', url: upstream.url, shareCredentials: true, ...login },
          { name: 'public.test', url: upstream.url },
        ],
        env: { PLANTED: 'planted-password' },
      });
      const absent = `sha256:${createHash('sha256').update('absent').digest('hex')}`;
      const ask = (repository: string, digest: string, ns: string): Promise<Pulled> =>
        pull(mirror.address, `/v2/${repository}/blobs/${digest}?ns=${ns}`);
      const own = await ask('team/secret', secret.digest, 'private.test');
      const pairs = await Promise.all(
        (
          [
            ['team/public', 'private.test'],
            ['team/public', 'public.test'],
            ['team/secret', 'public.test'],
          ] as const
        ).map(
          async ([repository, ns]) =>
            [await ask(repository, secret.digest, ns), await ask(repository, absent, ns)] as const,
        ),
      );
      const equal = pairs.filter(([a, b]) => a.status === 404 && b.status === 404 && a.body.equals(b.body)).length;
      return {
        passes: isRight(own, secret.digest) && equal === 3,
        figures: `own ${own.status}; ${pairs.map(([a, b]) => `${a.status}/${b.status}`).join(' ')}, equal ${equal} of 3`,
      };
    },
  },
];
