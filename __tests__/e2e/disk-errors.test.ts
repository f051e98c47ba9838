// Story: a disk that fails at one step of keeping a blob. The client gets its bytes; nothing is kept that may be bad.
import { expect, test } from '@jest/globals';
import { rmdir } from 'node:fs/promises';
import { createSeededContent } from '../support/content.ts';
import { expectWhole } from '../support/expectations.ts';
import { setStage } from '../support/flow.ts';
import { createGate } from '../support/gate.ts';
import type { MirrorProcess } from '../support/mirror-process.ts';
import { pull, startPull } from '../support/raw-client.ts';
import { blobGets } from '../support/scripted-upstream.ts';
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
  untilSettled,
  untilWell,
} from './support/disk-stage.ts';

const blob = createSeededContent('disk-errors', 5_000_000);
const cached = createSeededContent('disk-errors cached', 300_000);

interface Step {
  readonly name: string;
  readonly calls: readonly string[];
  readonly path: 'partial' | 'directory' | 'blob';
  /** Somebody has taken the directory away. */
  readonly isDirectoryGone?: boolean;
}

const steps: readonly Step[] = [
  { name: 'a write', calls: ['pwrite64'], path: 'partial' },
  { name: 'the fsync', calls: ['fsync'], path: 'partial' },
  { name: 'the rename', calls: ['rename'], path: 'partial' },
  { name: 'the fsync of the directory', calls: ['fsync'], path: 'directory' },
  { name: 'the making of the directory', calls: ['mkdir'], path: 'directory', isDirectoryGone: true },
];

describeWith({ programs: diskTools, root: true }, 'a disk that fails', () => {
  const stage = setStage();
  const disks = setDiskFaults();

  /** A mirror in the middle of fetching `blob`, with another one cached; `gate` lets upstream go on. */
  async function setUpFill() {
    const upstream = await stage.upstream();
    upstream.registry.addImage('team/app', 'latest', [blob, cached]);
    const mirror = await stage.mirror(upstream);
    await untilHit(mirror, pathOf(cached));
    const gate = createGate();
    upstream.once(blobGets, { holdBody: { after: 2_000_000, gate } });
    const pulling = startPull(mirror.address, pathOf(blob));
    await pulling.untilReceived(1_000_000);
    return { upstream, mirror, gate, pulling };
  }

  async function expectRecovery(mirror: MirrorProcess): Promise<void> {
    await untilWell(mirror);
    expectWhole(await pullBlob(mirror, blob), blob);
    await untilHit(mirror, pathOf(blob));
  }

  for (const error of ['EIO', 'ENOSPC']) {
    test.each(steps)(
      `with ${error} at $name of a commit costs no client a byte`,
      async ({ calls, path, isDirectoryGone }) => {
        const { upstream, mirror, gate, pulling } = await setUpFill();
        if (isDirectoryGone === true) await rmdir(filesOf(mirror, blob).directory);
        const before = await storeErrors(mirror);
        const stop = await disks.inject(mirror.pid, {
          calls,
          effect: `error=${error}`,
          paths: [filesOf(mirror, blob)[path]],
        });
        gate.open();
        expectWhole(await pulling.done, blob);
        await untilSettled(mirror);
        await untilDegraded(mirror);
        expect(await isKept(mirror, blob)).toBe(false);
        expect(await storeErrors(mirror)).toBeGreaterThan(before);
        expectWhole(await pullBlob(mirror, cached), cached);
        // Room is made on a full disk; on a broken one that would only throw away what is well.
        if (error === 'EIO') expect(upstream.find({ method: 'GET', path: cached.digest })).toHaveLength(1);
        await stop();
        await expectRecovery(mirror);
      },
    );
  }

  test('with EIO at the close of a blob that is safe already keeps it', async () => {
    const { mirror, gate, pulling } = await setUpFill();
    const stop = await disks.inject(mirror.pid, {
      calls: ['close'],
      effect: 'error=EIO',
      paths: [filesOf(mirror, blob).blob],
    });
    gate.open();
    expectWhole(await pulling.done, blob);
    await untilSettled(mirror);
    await stop();
    await expectRecovery(mirror);
    // What was not closed is open still: the fault kept the call from the system.
    await mirror.terminate();
    await mirror.start();
    expectWhole(await pullBlob(mirror, blob), blob);
  });

  test('with EIO at every fsync keeps no manifest from being pulled', async () => {
    const { mirror, upstream, gate, pulling } = await setUpFill();
    gate.open();
    await pulling.done;
    const stop = await disks.inject(mirror.pid, { calls: ['fsync', 'fdatasync'], effect: 'error=EIO' });
    const image = upstream.registry.addImage('team/app', 'next', [cached]);
    const path = '/v2/team/app/manifests/next';
    for (let n = 0; n < 2; n += 1) {
      expect(await pull(mirror.address, path)).toMatchObject({ status: 200, digest: image.digest });
    }
    await untilDegraded(mirror);
    await stop();
    await untilWell(mirror);
    await untilHit(mirror, path);
  });

  test('with EIO when a cached blob is read never ends a body as if it were whole', async () => {
    const { mirror, gate, pulling } = await setUpFill();
    gate.open();
    await pulling.done;
    await untilHit(mirror, pathOf(blob));
    const stop = await disks.inject(mirror.pid, {
      calls: ['pread64'],
      effect: 'error=EIO',
      paths: [filesOf(mirror, blob).blob],
    });
    const pulled = await pullBlob(mirror, blob);
    if (pulled.isComplete && pulled.status === 200) expectWhole(pulled, blob);
    expectWhole(await pullBlob(mirror, cached), cached);
    await stop();
    await untilWell(mirror);
    expectWhole(await pullBlob(mirror, blob), blob);
  });

  test('with EIO when a running blob is read back breaks that body, and no other', async () => {
    const { mirror, gate, pulling } = await setUpFill();
    const stop = await disks.inject(mirror.pid, {
      calls: ['pread64'],
      effect: 'error=EIO',
      paths: [filesOf(mirror, blob).partial],
    });
    gate.open();
    const pulled = await pulling.done;
    if (pulled.isComplete) expectWhole(pulled, blob);
    expectWhole(await pullBlob(mirror, cached), cached);
    await stop();
    await untilSettled(mirror);
    await expectRecovery(mirror);
  });
});
