// Story: files that rot, shrink, vanish or are planted behind the mirror's back. Nobody gets wrong bytes as if they were right.
import { describe, expect, test } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { link, lstat, mkdir, open, readFile, rename, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { listCacheFiles } from '../support/cache-files.ts';
import { createSeededContent, type Content } from '../support/content.ts';
import { expectWhole } from '../support/expectations.ts';
import { setStage } from '../support/flow.ts';
import { readMetric } from '../support/metrics.ts';
import type { MirrorProcess } from '../support/mirror-process.ts';
import { pull, type Pulled } from '../support/raw-client.ts';
import { blobGets } from '../support/scripted-upstream.ts';
import { pollUntil } from '../support/signal.ts';

const stage = setStage();
const small = createSeededContent('damaged small', 300_000);
const large = createSeededContent('damaged large', 6_000_000);
const sizes = [
  ['small', small],
  ['large', large],
] as const;
const pathOf = ({ digest }: { readonly digest: string }): string => `/v2/team/app/blobs/${digest}`;
const manifestPath = '/v2/team/app/manifests/latest';

/** A mirror that holds two blobs and a manifest. */
async function setUp() {
  const upstream = await stage.upstream();
  const image = upstream.registry.addImage('team/app', 'latest', [small, large]);
  const mirror = await stage.mirror(upstream);
  for (const path of [manifestPath, pathOf(small), pathOf(large)]) await untilHit(mirror, path);
  const fileOf = (digest: string): string =>
    join(mirror.cachePath, 'blobs', 'public', 'sha256', digest.slice(7, 9), digest.slice(7));
  return { upstream, image, mirror, fileOf };
}

async function untilHit(mirror: MirrorProcess, path: string): Promise<void> {
  const isHit = async (): Promise<boolean> => {
    const pulled = await pull(mirror.address, path);
    return pulled.status === 200 && pulled.headers['cache-status'] === 'stowage; hit';
  };
  await pollUntil(isHit, { what: `a hit of ${path}` });
}

async function flipByte(file: string, at: number): Promise<void> {
  const handle = await open(file, 'r+');
  const byte = Buffer.alloc(1);
  await handle.read(byte, 0, 1, at);
  byte[0] = (byte[0] ?? 0) ^ 1;
  await handle.write(byte, 0, 1, at);
  await handle.close();
}

function expectNoLie(pulled: Pulled, digest: string): void {
  if (pulled.status === 200 && pulled.isComplete) expect(pulled.digest).toBe(digest);
}

/** The file is a plain one with the right bytes again. */
async function untilRepaired(file: string, content: Content): Promise<void> {
  const isRight = async (): Promise<boolean> => {
    const facts = await lstat(file).catch(() => undefined);
    if (!facts?.isFile() || facts.size !== content.sizeBytes) return false;
    return (await readFile(file)).equals(content.read(0, content.sizeBytes));
  };
  await pollUntil(isRight, { what: 'the file to be right again' });
}

describe('a flipped bit', () => {
  describe.each(sizes)('in a %s blob', (_size, content) => {
    test.each([
      ['first', 0],
      ['middle', Math.floor(content.sizeBytes / 2)],
      ['last', content.sizeBytes - 1],
    ])('at its %s byte is found by the first pull after a restart, and the next one is right', async (_where, at) => {
      const { mirror, upstream, fileOf } = await setUp();
      await mirror.terminate();
      await flipByte(fileOf(content.digest), at);
      await mirror.start();
      upstream.reset();
      expectNoLie(await pull(mirror.address, pathOf(content)), content.digest);
      expectWhole(await pull(mirror.address, pathOf(content)), content);
      await untilRepaired(fileOf(content.digest), content);
      const quarantined = await listCacheFiles(mirror.cachePath, ['quarantine']);
      expect(quarantined.filter((file) => file.includes(content.digest.slice(7)))).toHaveLength(1);
      expect(upstream.find({ ...blobGets, path: content.digest }).length).toBeGreaterThan(0);
    });
  });

  test('reaches none of many clients that come at once after a restart', async () => {
    const { mirror, fileOf } = await setUp();
    await mirror.terminate();
    await flipByte(fileOf(large.digest), 3_000_000);
    await mirror.start();
    const pulls = Array.from({ length: 20 }, () => pull(mirror.address, pathOf(large)));
    for (const pulled of await Promise.all(pulls)) expectNoLie(pulled, large.digest);
    expectWhole(await pull(mirror.address, pathOf(large)), large);
    await untilRepaired(fileOf(large.digest), large);
  });

  test('in a manifest is found at once, and the right one is served', async () => {
    const { mirror, image, fileOf } = await setUp();
    await mirror.terminate();
    await flipByte(fileOf(image.digest), 40);
    await mirror.start();
    for (const reference of ['latest', image.digest]) {
      const pulled = await pull(mirror.address, `/v2/team/app/manifests/${reference}`);
      expect(pulled).toMatchObject({ status: 200, isComplete: true, digest: image.digest });
    }
  });

  test('is counted', async () => {
    const { mirror, fileOf } = await setUp();
    await mirror.terminate();
    await flipByte(fileOf(large.digest), 1_000_000);
    await mirror.start();
    await pull(mirror.address, pathOf(large));
    await pull(mirror.address, pathOf(large));
    const count = async (): Promise<number | undefined> =>
      readMetric(mirror.adminAddress, 'stowage_store_damaged_total', { how: 'changed' });
    await pollUntil(async () => ((await count()) ?? 0) > 0, { deadlineMs: 5000, what: 'the damage to be counted' });
  });
});

describe('a file that was cut short', () => {
  describe.each([
    ['while the mirror runs', false],
    ['while it is away', true],
  ])('%s', (_when, isAway) => {
    test.each(sizes)('is no hit: a %s blob is fetched again, and right', async (_size, content) => {
      const { mirror, fileOf } = await setUp();
      if (isAway) await mirror.terminate();
      await truncate(fileOf(content.digest), content.sizeBytes - 1000);
      if (isAway) await mirror.start();
      expectWhole(await pull(mirror.address, pathOf(content)), content);
      await untilRepaired(fileOf(content.digest), content);
    });

    test('to nothing is no hit either', async () => {
      const { mirror, image, fileOf } = await setUp();
      if (isAway) await mirror.terminate();
      for (const digest of [large.digest, image.digest]) await truncate(fileOf(digest), 0);
      if (isAway) await mirror.start();
      expectWhole(await pull(mirror.address, pathOf(large)), large);
      expect(await pull(mirror.address, manifestPath)).toMatchObject({ status: 200, digest: image.digest });
    });
  });

  test('under a running body breaks that body', async () => {
    const { mirror, fileOf } = await setUp();
    const pulling = pull(mirror.address, pathOf(large), { bytesPerSecond: 4_000_000 });
    await truncate(fileOf(large.digest), 4_000_000);
    expectNoLie(await pulling, large.digest);
    expectWhole(await pull(mirror.address, pathOf(large)), large);
  });
});

describe('a file that is gone', () => {
  test('is fetched again, and right, whether it is a blob or a manifest', async () => {
    const { mirror, image, fileOf, upstream } = await setUp();
    for (const { digest } of [small, large, image]) await rm(fileOf(digest));
    upstream.reset();
    for (const content of [small, large]) {
      const pulled = await pull(mirror.address, pathOf(content));
      expectWhole(pulled, content);
      expect(pulled.headers['cache-status']).toMatch(/^stowage; fwd=uri-miss/);
    }
    expect(await pull(mirror.address, manifestPath)).toMatchObject({ status: 200, digest: image.digest });
    for (const content of [small, large]) await untilRepaired(fileOf(content.digest), content);
  });

  test('with all of blobs/ costs one fetch, after a restart too', async () => {
    const { mirror, image } = await setUp();
    await mirror.terminate();
    await rm(join(mirror.cachePath, 'blobs'), { recursive: true });
    await mirror.start();
    for (const content of [small, large]) expectWhole(await pull(mirror.address, pathOf(content)), content);
    expect(await pull(mirror.address, manifestPath)).toMatchObject({ status: 200, digest: image.digest });
    for (const path of [pathOf(small), pathOf(large), manifestPath]) await untilHit(mirror, path);
  });
});

describe('in place of a blob', () => {
  test('a symbolic link is not followed, and what it leads to stays as it is', async () => {
    const { mirror, fileOf } = await setUp();
    const planted = join(mirror.cachePath, 'planted');
    await writeFile(planted, Buffer.alloc(large.sizeBytes, 'x'));
    await rm(fileOf(large.digest));
    await symlink(planted, fileOf(large.digest));
    expectWhole(await pull(mirror.address, pathOf(large)), large);
    await untilRepaired(fileOf(large.digest), large);
    expect((await readFile(planted)).equals(Buffer.alloc(large.sizeBytes, 'x'))).toBe(true);
  });

  test('a symbolic link to the right bytes is not followed either', async () => {
    const { mirror, fileOf } = await setUp();
    const moved = join(mirror.cachePath, 'moved');
    await rename(fileOf(large.digest), moved);
    await symlink(moved, fileOf(large.digest));
    expectWhole(await pull(mirror.address, pathOf(large)), large);
    await untilRepaired(fileOf(large.digest), large);
  });

  test('a link to a file of the same size is found out after a restart', async () => {
    const { mirror, fileOf } = await setUp();
    await mirror.terminate();
    const planted = join(mirror.cachePath, 'planted');
    await writeFile(planted, Buffer.alloc(small.sizeBytes, 'x'));
    await rm(fileOf(small.digest));
    await link(planted, fileOf(small.digest));
    await mirror.start();
    expectNoLie(await pull(mirror.address, pathOf(small)), small.digest);
    expectWhole(await pull(mirror.address, pathOf(small)), small);
  });

  test('a FIFO holds nobody, however many ask for it', async () => {
    const { mirror, fileOf } = await setUp();
    await rm(fileOf(large.digest));
    execFileSync('mkfifo', [fileOf(large.digest)]);
    const pulls = Array.from({ length: 40 }, () => pull(mirror.address, pathOf(large)));
    expect((await pull(mirror.adminAddress, '/livez')).status).toBe(200);
    for (const pulled of await Promise.all(pulls)) expectWhole(pulled, large);
    await untilRepaired(fileOf(large.digest), large);
  });

  test('a directory is no blob, and the pull goes on', async () => {
    const { mirror, fileOf } = await setUp();
    await rm(fileOf(large.digest));
    await mkdir(fileOf(large.digest));
    expectWhole(await pull(mirror.address, pathOf(large)), large);
    expectWhole(await pull(mirror.address, pathOf(small)), small);
  });
});
