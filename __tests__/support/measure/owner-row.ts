// One directory, one process.
import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findFreePort } from '../free-port.ts';
import { formatMirrorConfig } from '../mirror-config.ts';
import { findMain } from '../mirror-process.ts';
import { pull } from '../raw-client.ts';
import type { RemoteUpstream } from '../remote-upstream.ts';
import { isRight, megabyte, seconds, sleep, type Row } from './bench.ts';
import { isHit, settlesTo } from './store-checks.ts';

/** A container sees other process numbers and mounts; `--kill-child` ends it with the command. */
const inContainer = ['unshare', '--fork', '--pid', '--mount', '--mount-proc', '--kill-child'];
const longestMs = 10_000;

interface SecondProcess {
  /** Its exit status; undefined: it went on, and was ended by us. */
  readonly status: number | null | undefined;
  readonly output: string;
  readonly tookMs: number;
}

/** Starts the service on a cache that may belong to another, and waits until it gives up. */
async function startSecond(
  upstream: RemoteUpstream,
  cachePath: string,
  command: readonly string[] = [],
): Promise<SecondProcess> {
  const directory = await mkdtemp(join(tmpdir(), 'stowage-second-'));
  const file = join(directory, 'mirror.config.yaml');
  const [mirrorPort, adminPort] = [await findFreePort(), await findFreePort()];
  const upstreams = [{ name: 'registry.test', url: upstream.url, default: true }];
  await writeFile(file, formatMirrorConfig({ mirrorPort, adminPort, cachePath, upstreams }));
  const [program, ...args] = [...command, process.execPath, findMain(), 'serve', '--config', file];
  const startMs = performance.now();
  const child = spawn(program, args, { cwd: directory, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (bytes: Buffer) => (output += bytes.toString()));
  const exited = new Promise<number | null>((resolve, reject) => {
    child.once('exit', resolve);
    child.once('error', reject);
  });
  const status = await Promise.race([exited, sleep(longestMs).then(() => undefined)]);
  if (status === undefined) {
    child.kill('SIGKILL');
    await exited;
  }
  const tookMs = performance.now() - startMs;
  await rm(directory, { recursive: true, force: true });
  return { status, output, tookMs };
}

/** It ended by itself, with a failure, and named the process that owns the directory. */
function isRefusal({ status, output }: SecondProcess, ownerPid: number): boolean {
  return typeof status === 'number' && status !== 0 && output.includes(`in use by process ${ownerPid} `);
}

export const ownerRow: Row = {
  name: 'store: two processes, one directory',
  bar: 'second exits != 0 with the reason, also from another container; a crash never blocks the next start',
  async run(bench) {
    const upstream = await bench.upstream();
    const { digest } = await upstream.addBlob('team/app', { seed: 'owner', sizeBytes: megabyte });
    const mirror = await bench.mirror(upstream);
    const path = `/v2/team/app/blobs/${digest}`;
    await pull(mirror.address, path);
    const isHere = await settlesTo(async () => isHit(await pull(mirror.address, path)));
    const second = await startSecond(upstream, mirror.cachePath);
    const contained = await startSecond(upstream, mirror.cachePath, inContainer);
    const afterwards = await pull(mirror.address, path);
    const isUnharmed = isHit(afterwards) && isRight(afterwards, digest);
    const refusals = [second, contained].map((one) => isRefusal(one, mirror.pid));
    await mirror.kill();
    const startMs = performance.now();
    await mirror.start();
    const restartMs = performance.now() - startMs;
    const isServed = isHit(await pull(mirror.address, path));
    const again = await startSecond(upstream, mirror.cachePath, inContainer);
    const all = [second, contained, again];
    refusals.push(isRefusal(again, mirror.pid));
    const reasons = all.map(({ output }) => /in use by [^"\n]*/.exec(output)?.[0] ?? 'no reason');
    return {
      passes: isHere && refusals.every(Boolean) && isUnharmed && isServed,
      figures: `exit ${all.map(({ status }) => status ?? 'none').join(', ')} within ${seconds(Math.max(...all.map(({ tookMs }) => tookMs)))} (the second and third from another container): ${reasons.join(' | ')}; owner unharmed ${isUnharmed}; after kill -9 ready in ${seconds(restartMs)}, hit ${isServed}`,
    };
  },
};
