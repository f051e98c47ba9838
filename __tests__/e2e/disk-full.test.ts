// Story: a disk without room. Pulls go on, hits go on, nothing half is kept.
import { expect, test } from '@jest/globals';
import { listCacheFiles } from '../support/cache-files.ts';
import { createSeededContent } from '../support/content.ts';
import { expectWhole } from '../support/expectations.ts';
import { setStage } from '../support/flow.ts';
import { createGate } from '../support/gate.ts';
import { readMetric } from '../support/metrics.ts';
import { pull, startPull } from '../support/raw-client.ts';
import { blobGets } from '../support/scripted-upstream.ts';
import { describeWith } from './support/describe-with.ts';
import { diskTools, setDiskFaults } from './support/disk-faults.ts';
import {
  fillUp,
  filesOf,
  isKept,
  pathOf,
  pullBlob,
  storeErrors,
  untilDegraded,
  untilHit,
  untilSettled,
  untilWell,
} from './support/disk-stage.ts';

const small = createSeededContent('disk-full small', 200_000);
const middle = createSeededContent('disk-full middle', 5_000_000);
const large = createSeededContent('disk-full large', 10_000_000);
const manifestPath = '/v2/team/app/manifests/latest';

describeWith({ programs: diskTools, root: true }, 'a full disk', () => {
  const stage = setStage();
  const disks = setDiskFaults();

  async function setUp({ sizeMb }: { readonly sizeMb: number }) {
    const disk = await disks.tmpfs({ sizeMb });
    const upstream = await stage.upstream();
    const image = upstream.registry.addImage('team/app', 'latest', [small, middle, large]);
    const mirror = await stage.mirror(upstream, {
      // What others take is not for the cache to make good here.
      cache: { path: `${disk}/cache`, minFree: '0B' },
    });
    await untilHit(mirror, pathOf(small));
    return { disk, upstream, image, mirror };
  }

  test('passes a blob through that it has no room for', async () => {
    const { mirror, upstream } = await setUp({ sizeMb: 4 });
    const pulled = await pullBlob(mirror, large);
    expectWhole(pulled, large);
    expect(pulled.headers['cache-status']).toBe('stowage; fwd=bypass');
    await untilSettled(mirror);
    expect(await isKept(mirror, large)).toBe(false);
    upstream.reset();
    expectWhole(await pullBlob(mirror, small), small);
    expect(upstream.find(blobGets)).toHaveLength(0);
  });

  test('passes a blob through whose size nobody knows before the disk is full', async () => {
    const { mirror, upstream } = await setUp({ sizeMb: 4 });
    const path = `/v2/team/other/blobs/${large.digest}`;
    upstream.registry.addBlob('team/other', large);
    upstream.always(blobGets, { chunked: true, ignoreRange: true });
    const pulled = await pull(mirror.address, path);
    expect(pulled).toMatchObject({ status: 200, isComplete: true, digest: large.digest });
    await untilSettled(mirror);
    expect(await isKept(mirror, large)).toBe(false);
    // Either the disk said it, or the mirror saw it coming.
    const bypassed = await readMetric(mirror.adminAddress, 'stowage_fills_total', { result: 'bypassed' });
    expect((await storeErrors(mirror)) + (bypassed ?? 0)).toBeGreaterThan(0);
    await untilWell(mirror);
  });

  test('that others fill in the middle of a blob costs nobody a byte, and is used again when it has room', async () => {
    const { mirror, upstream, disk } = await setUp({ sizeMb: 8 });
    const gate = createGate();
    upstream.once(blobGets, { holdBody: { after: 2_000_000, gate } });
    const pulling = startPull(mirror.address, pathOf(middle));
    await pulling.untilReceived(1_000_000);
    const giveBack = await fillUp(disk);
    gate.open();
    expectWhole(await pulling.done, middle);
    await untilSettled(mirror);
    expect(await isKept(mirror, middle)).toBe(false);
    expect(await storeErrors(mirror)).toBeGreaterThan(0);
    await untilDegraded(mirror);
    await giveBack();
    await untilWell(mirror);
    await untilHit(mirror, pathOf(middle));
  });

  test('lets every pull through while several meet it at once', async () => {
    const { mirror } = await setUp({ sizeMb: 4 });
    const pulled = await Promise.all(Array.from({ length: 8 }, () => pullBlob(mirror, large)));
    for (const one of pulled) expectWhole(one, large);
    await untilSettled(mirror);
    expect(await isKept(mirror, large)).toBe(false);
  });

  test('keeps no manifest from being pulled, and spoils nothing for the next start', async () => {
    const { mirror, upstream, image, disk } = await setUp({ sizeMb: 8 });
    const giveBack = await fillUp(disk);
    for (let n = 0; n < 3; n += 1) {
      expect(await pull(mirror.address, manifestPath)).toMatchObject({ status: 200, digest: image.digest });
    }
    expectWhole(await pullBlob(mirror, small), small);
    await untilDegraded(mirror);
    await mirror.kill();
    await giveBack();
    await mirror.start();
    expect(await pull(mirror.address, manifestPath)).toMatchObject({ status: 200, digest: image.digest });
    upstream.reset();
    expectWhole(await pullBlob(mirror, small), small);
    expect(upstream.find(blobGets)).toHaveLength(0);
    await untilWell(mirror);
  });

  test('does not keep the mirror from starting, nor from serving what it has', async () => {
    const { mirror, upstream, disk } = await setUp({ sizeMb: 8 });
    await mirror.terminate();
    const giveBack = await fillUp(disk);
    await mirror.start();
    upstream.reset();
    // At once, though SQLite may not open the catalog on such a disk.
    expectWhole(await pullBlob(mirror, small), small);
    expect(upstream.find(blobGets)).toHaveLength(0);
    expectWhole(await pullBlob(mirror, middle), middle);
    await mirror.kill();
    await mirror.start();
    expectWhole(await pullBlob(mirror, small), small);
    expect(upstream.find({ ...blobGets, path: small.digest })).toHaveLength(0);
    await giveBack();
    await untilHit(mirror, pathOf(middle));
    await untilWell(mirror);
  });

  test('leaves no file behind of what it cut short', async () => {
    const { mirror, disk } = await setUp({ sizeMb: 8 });
    const giveBack = await fillUp(disk);
    for (const content of [middle, large]) expectWhole(await pullBlob(mirror, content), content);
    await untilSettled(mirror);
    expect(await listCacheFiles(mirror.cachePath, ['fills', 'quarantine'])).toEqual([]);
    await giveBack();
  });
});

describeWith({ programs: diskTools, root: true }, 'a disk without inodes', () => {
  const stage = setStage();
  const disks = setDiskFaults();

  test('is a full disk: pulls go on, and so do hits', async () => {
    const disk = await disks.ext4({ sizeMb: 32, inodes: 64 });
    const upstream = await stage.upstream();
    const contents = Array.from({ length: 40 }, (_, n) => createSeededContent(`inodes ${n}`, 20_000));
    upstream.registry.addImage('team/app', 'latest', contents);
    const mirror = await stage.mirror(upstream, { cache: { path: `${disk.path}/cache` } });
    for (const content of contents) expectWhole(await pullBlob(mirror, content), content);
    await untilSettled(mirror);
    const kept: string[] = [];
    for (const content of contents) if (await isKept(mirror, content)) kept.push(filesOf(mirror, content).blob);
    expect(kept.length).toBeGreaterThan(0);
    expect(kept.length).toBeLessThan(contents.length);
    upstream.reset();
    for (const content of contents) expectWhole(await pullBlob(mirror, content), content);
    expect(upstream.find(blobGets).length).toBeLessThanOrEqual(contents.length);
  });
});
