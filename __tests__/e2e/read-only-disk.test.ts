// Story: a cache directory that cannot be used. At the start that is said in a line; later it costs no pull.
import { expect, test } from '@jest/globals';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createSeededContent } from '../support/content.ts';
import { expectWhole } from '../support/expectations.ts';
import { mainName, setStage } from '../support/flow.ts';
import { startMirrorProcess } from '../support/mirror-process.ts';
import { pull, startPull } from '../support/raw-client.ts';
import { blobGets } from '../support/scripted-upstream.ts';
import { createGate } from '../support/gate.ts';
import { describeWith } from './support/describe-with.ts';
import { diskTools, setDiskFaults } from './support/disk-faults.ts';
import {
  filesOf,
  isKept,
  pathOf,
  pullBlob,
  storeErrors,
  untilDegraded,
  untilHit,
  untilOnDisk,
  untilSettled,
  untilWell,
} from './support/disk-stage.ts';
import { run } from './support/tools.ts';

const cached = createSeededContent('read-only cached', 2_000_000);
const fresh = createSeededContent('read-only fresh', 3_000_000);

/** What a mirror says that does not start with this cache. */
async function refusalOf(cachePath: string): Promise<string> {
  const starting = startMirrorProcess({
    upstreams: [{ name: mainName, url: 'http://127.0.0.1:1' }],
    config: { cache: { path: cachePath } },
  });
  const refused = await starting.then(
    async (mirror) => {
      await mirror.close();
      return 'it started';
    },
    (error: Error) => error.message,
  );
  expect(refused).toMatch(/^the mirror ended at once, with status 1:/);
  // One line for whoever reads it, no stack.
  const [line = '', ...more] = refused.split('\n').slice(1).filter(Boolean);
  expect(more).toEqual([]);
  return line;
}

describeWith({ programs: diskTools, root: true }, 'at the start', () => {
  const disks = setDiskFaults();

  test('fills/ on another disk than blobs/ is refused, with both of them named', async () => {
    const cache = join(await disks.directory(), 'cache');
    await disks.tmpfs({ sizeMb: 16, at: join(cache, 'fills') });
    const line = await refusalOf(cache);
    expect(line).toContain(join(cache, 'fills'));
    expect(line).toContain(join(cache, 'blobs'));
  });

  test('blobs/ on another disk than fills/ is refused just so', async () => {
    const cache = join(await disks.directory(), 'cache');
    await disks.tmpfs({ sizeMb: 16, at: join(cache, 'blobs') });
    const line = await refusalOf(cache);
    expect(line).toContain(join(cache, 'fills'));
    expect(line).toContain(join(cache, 'blobs'));
  });

  test('a cache directory that cannot be made is refused, and named', async () => {
    const disk = await disks.tmpfs({ sizeMb: 4 });
    await run('mount', ['-o', 'remount,ro', disk]);
    expect(await refusalOf(join(disk, 'cache'))).toContain(join(disk, 'cache'));
  });

  test('a cache directory that cannot be written is refused, and named', async () => {
    const disk = await disks.tmpfs({ sizeMb: 4 });
    await mkdir(join(disk, 'cache'));
    await run('mount', ['-o', 'remount,ro', disk]);
    expect(await refusalOf(join(disk, 'cache'))).toContain(join(disk, 'cache'));
  });

  test('a file in place of the cache directory is refused, and named', async () => {
    const cache = join(await disks.directory(), 'cache');
    await writeFile(cache, 'not a directory');
    expect(await refusalOf(cache)).toContain(cache);
  });
});

describeWith({ programs: diskTools, root: true }, 'a disk that turns read-only', () => {
  const stage = setStage();
  const disks = setDiskFaults();

  test('for good goes on serving what it has, and everything else passes through', async () => {
    const disk = await disks.ext4({ sizeMb: 64, inodes: 1024 });
    const upstream = await stage.upstream();
    const image = upstream.registry.addImage('team/app', 'latest', [cached, fresh]);
    const manifest = '/v2/team/app/manifests/latest';
    const mirror = await stage.mirror(upstream, { cache: { path: join(disk.path, 'cache') } });
    await untilHit(mirror, pathOf(cached));
    await untilHit(mirror, manifest);
    // What is half written when a disk dies stays there, like all else.
    await untilOnDisk(mirror, [cached, image]);
    const before = await storeErrors(mirror);
    await disk.fail();
    const pulled = await pullBlob(mirror, fresh);
    expectWhole(pulled, fresh);
    expect(pulled.headers['cache-status']).toBe('stowage; fwd=bypass');
    expect(await pull(mirror.address, manifest)).toMatchObject({ status: 200, digest: image.digest });
    const unseen = upstream.registry.addImage('team/app', 'unseen', [cached]);
    const path = '/v2/team/app/manifests/unseen';
    expect(await pull(mirror.address, path)).toMatchObject({ status: 200, digest: unseen.digest });
    await untilDegraded(mirror);
    expect(await storeErrors(mirror)).toBeGreaterThan(before);
    upstream.reset();
    for (let n = 0; n < 3; n += 1) expectWhole(await pullBlob(mirror, cached), cached);
    expect(upstream.find(blobGets)).toHaveLength(0);
  });

  test('for a while is written to again, without a restart', async () => {
    const upstream = await stage.upstream();
    upstream.registry.addImage('team/app', 'latest', [cached, fresh]);
    const mirror = await stage.mirror(upstream);
    await untilHit(mirror, pathOf(cached));
    const { fills, partial, blob, directory } = filesOf(mirror, fresh);
    const stop = await disks.inject(mirror.pid, {
      calls: ['openat', 'mkdir', 'rename', 'unlink', 'pwrite64'],
      effect: 'error=EROFS',
      paths: [partial, `${partial}.tmp`, blob, directory, fills],
    });
    const gate = createGate();
    upstream.once(blobGets, { hold: gate });
    const pulling = startPull(mirror.address, pathOf(fresh));
    gate.open();
    expectWhole(await pulling.done, fresh);
    await untilDegraded(mirror);
    await untilSettled(mirror);
    expect(await isKept(mirror, fresh)).toBe(false);
    expectWhole(await pullBlob(mirror, cached), cached);
    await stop();
    await untilWell(mirror);
    await untilHit(mirror, pathOf(fresh));
  });
});
