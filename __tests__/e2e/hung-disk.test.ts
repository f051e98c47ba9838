// Story: a disk that hangs on one file holds only those who want that file.
import { expect, test } from '@jest/globals';
import { mainName, setStage } from '../support/flow.ts';
import { createSeededContent } from '../support/content.ts';
import { expectWhole } from '../support/expectations.ts';
import { pull, startPull } from '../support/raw-client.ts';
import { describeWith } from './support/describe-with.ts';
import { diskTools, setDiskFaults } from './support/disk-faults.ts';
import { filesOf, pathOf, untilHit } from './support/disk-stage.ts';

const stuck = createSeededContent('hung', 3_000_000);
const other = createSeededContent('not hung', 3_000_000);
const hangsForMs = 8_000;

describeWith({ programs: diskTools, root: true }, 'a disk that hangs', () => {
  const stage = setStage();
  const disks = setDiskFaults();

  test('on one blob holds neither /livez, nor a cold pull of another, nor the look-up of names', async () => {
    const upstream = await stage.upstream();
    const named = await stage.upstream({ host: 'localhost' });
    upstream.registry.addImage('team/app', 'latest', [stuck]);
    named.registry.addBlob('team/app', other);
    const url = `http://localhost:${named.port}`;
    const mirror = await stage.mirror([
      { upstream, name: mainName },
      { upstream: named, name: 'named.test', url },
    ]);
    await untilHit(mirror, pathOf(stuck));
    const calls = ['pread64', 'openat', 'fstat', 'newfstatat', 'statx'];
    const effect = `delay_enter=${hangsForMs * 1000}`;
    const stop = await disks.inject(mirror.pid, { calls, effect, paths: [filesOf(mirror, stuck).blob] });
    // Twice as many as libuv has threads of its own accord.
    const held = Array.from({ length: 8 }, () => startPull(mirror.address, pathOf(stuck)));
    const startMs = performance.now();
    expect((await pull(mirror.adminAddress, '/livez')).status).toBe(200);
    expectWhole(await pull(mirror.address, `${pathOf(other)}?ns=named.test`), other);
    expect((await pull(mirror.adminAddress, '/livez')).status).toBe(200);
    // Nobody was in time by waiting for the others.
    expect(held.map((one) => one.received)).toEqual(held.map(() => 0));
    expect(performance.now() - startMs).toBeLessThan(hangsForMs);
    for (const one of held) one.abort();
    await Promise.all(held.map((one) => one.done));
    await stop();
    expectWhole(await pull(mirror.address, pathOf(stuck)), stuck);
  });
});
