// Story: the cache stays within its quota, and what people use stays in it. Nobody who reads is cut.
import { describe, expect, test } from '@jest/globals';
import { listCacheFiles, measureCacheFiles } from '../support/cache-files.ts';
import { createSeededContent, type Content } from '../support/content.ts';
import { expectWhole } from '../support/expectations.ts';
import { setStage } from '../support/flow.ts';
import { createGate } from '../support/gate.ts';
import { readMetric } from '../support/metrics.ts';
import type { MirrorProcess } from '../support/mirror-process.ts';
import { pull, startPull, type Pulled } from '../support/raw-client.ts';
import { blobGets } from '../support/scripted-upstream.ts';
import { pollUntil } from '../support/signal.ts';

const stage = setStage();
const megabyte = 1_000_000;
const pathOf = ({ digest }: { readonly digest: string }): string => `/v2/team/app/blobs/${digest}`;
const contentOf = (name: string, megabytes: number): Content =>
  createSeededContent(`eviction ${name}`, Math.round(megabytes * megabyte));

async function setUp(maxSize: string, contents: readonly Content[], bytesPerSecond = 0) {
  const upstream = await stage.upstream({ bytesPerSecond });
  for (const content of contents) upstream.registry.addBlob('team/app', content);
  const mirror = await stage.mirror(upstream, { cache: { maxSize } });
  return { upstream, mirror };
}

/** Pulls it to the end, and waits until it is kept, or known not to be. */
async function use(mirror: MirrorProcess, content: Content): Promise<Pulled> {
  const pulled = await pull(mirror.address, pathOf(content));
  expectWhole(pulled, content);
  await untilSettled(mirror);
  return pulled;
}

async function untilSettled({ adminAddress }: MirrorProcess): Promise<void> {
  const name = 'stowage_fills_running';
  await pollUntil(async () => (await readMetric(adminAddress, name)) === 0, { what: `${name} to be 0` });
}

async function isKept({ cachePath }: MirrorProcess, { digest }: { readonly digest: string }): Promise<boolean> {
  return (await listCacheFiles(cachePath, ['blobs'])).some((file) => file.endsWith(digest.slice(7)));
}

async function untilGone(mirror: MirrorProcess, content: Content): Promise<void> {
  await pollUntil(async () => !(await isKept(mirror, content)), { what: 'the file to be evicted' });
}

/** Which of them are kept, once the mirror has come to rest within its quota. */
async function findKept(mirror: MirrorProcess, contents: readonly Content[], quota: number) {
  const isWithin = async (): Promise<boolean> => (await measureCacheFiles(mirror.cachePath)) <= quota;
  await pollUntil(isWithin, { deadlineMs: 2000, what: 'the cache to be within its quota' });
  return await Promise.all(contents.map((content) => isKept(mirror, content)));
}

describe('a blob that is evicted', () => {
  const slow = contentOf('slow', 10);
  const others = ['a', 'b', 'c'].map((name) => contentOf(name, 8));

  test('while a slow reader has it reaches that reader to the last byte', async () => {
    const { mirror } = await setUp('25MB', [slow, ...others]);
    await use(mirror, slow);
    const reading = startPull(mirror.address, pathOf(slow));
    await reading.untilReceived(100_000);
    reading.pause();
    // Twice each, as the one to be evicted: it is the longest unused of its kind.
    for (const other of others) for (let n = 0; n < 2; n += 1) await use(mirror, other);
    await untilGone(mirror, slow);
    reading.resume();
    expectWhole(await reading.done, slow);
  });

  test('while the one who had it fetched still reads reaches that one too', async () => {
    const { mirror } = await setUp('25MB', [slow, ...others]);
    const reading = startPull(mirror.address, pathOf(slow));
    await reading.untilReceived(100_000);
    reading.pause();
    await pollUntil(() => isKept(mirror, slow), { what: 'the blob to be kept' });
    for (const other of others) await use(mirror, other);
    await untilGone(mirror, slow);
    reading.resume();
    expectWhole(await reading.done, slow);
  });

  test('although several images share it is fetched again for the next of them', async () => {
    const { mirror, upstream } = await setUp('25MB', others);
    upstream.registry.addImage('team/app', 'latest', [slow]);
    const second = upstream.registry.addImage('team/second', 'latest', [slow, 'of its own']);
    for (const repository of ['team/app', 'team/second']) {
      expect((await pull(mirror.address, `/v2/${repository}/manifests/latest`)).status).toBe(200);
    }
    await use(mirror, slow);
    for (const other of others) await use(mirror, other);
    await untilGone(mirror, slow);
    upstream.reset();
    expect(await pull(mirror.address, '/v2/team/second/manifests/latest')).toMatchObject({
      status: 200,
      digest: second.digest,
    });
    expectWhole(await pull(mirror.address, `/v2/team/second/blobs/${slow.digest}`), slow);
    expect(upstream.find({ ...blobGets, path: slow.digest }).length).toBeGreaterThan(0);
    await untilSettled(mirror);
    expect((await use(mirror, slow)).headers['cache-status']).toBe('stowage; hit');
  });
});

describe('a blob larger than the quota', () => {
  const large = contentOf('larger than all', 15);
  const kept = ['d', 'e'].map((name) => contentOf(name, 4));

  async function expectPassage(fault: object, isListed: boolean): Promise<void> {
    const { mirror, upstream } = await setUp('10MB', [large, ...kept]);
    if (isListed) {
      upstream.registry.addImage('team/app', 'latest', [large]);
      expect((await pull(mirror.address, '/v2/team/app/manifests/latest')).status).toBe(200);
    }
    for (const content of kept) await use(mirror, content);
    upstream.always({ ...blobGets, path: large.digest }, fault);
    for (let n = 0; n < 2; n += 1) {
      const pulled = await pull(mirror.address, pathOf(large));
      expect(pulled).toMatchObject({ status: 200, isComplete: true, bytes: large.sizeBytes, digest: large.digest });
      expect(pulled.headers['cache-status']).toBe('stowage; fwd=bypass');
      await untilSettled(mirror);
    }
    expect(await findKept(mirror, [large, ...kept], 10 * megabyte)).toEqual([false, true, true]);
    for (const content of kept) expect((await use(mirror, content)).headers['cache-status']).toBe('stowage; hit');
    expect((await readMetric(mirror.adminAddress, 'stowage_evicted_objects_total')) ?? 0).toBe(0);
  }

  test('passes through and evicts nothing', async () => {
    await expectPassage({}, false);
  });

  test('passes through also when only a manifest of the repository names its size', async () => {
    await expectPassage({ chunked: true, ignoreRange: true }, true);
  });

  test('passes through when nobody names its size, and the quota holds', async () => {
    const { mirror, upstream } = await setUp('10MB', [large, ...kept]);
    upstream.always({ ...blobGets, path: large.digest }, { chunked: true, ignoreRange: true });
    const pulled = await pull(mirror.address, pathOf(large));
    expect(pulled).toMatchObject({ status: 200, isComplete: true, bytes: large.sizeBytes, digest: large.digest });
    await untilSettled(mirror);
    expect(await findKept(mirror, [large], 10 * megabyte)).toEqual([false]);
  });
});

describe('the quota', () => {
  test('is counted by the mirror itself, however large the disk', async () => {
    const contents = Array.from({ length: 12 }, (_, n) => contentOf(`one of many ${n}`, 4));
    const { mirror, upstream } = await setUp('20MB', contents);
    for (const content of contents) await use(mirror, content);
    const kept = await findKept(mirror, contents, 20 * megabyte);
    expect(kept.at(-1)).toBe(true);
    expect(kept.at(0)).toBe(false);
    upstream.reset();
    await use(mirror, contents.at(-1) ?? contentOf('none', 0));
    expect(upstream.find(blobGets)).toHaveLength(0);
  });

  test('holds while ten pulls, which it has no room for, run at once, and each is right', async () => {
    const quota = 12 * megabyte;
    const contents = Array.from({ length: 10 }, (_, n) => contentOf(`at once ${n}`, 5));
    const { mirror } = await setUp('12MB', contents, 4 * megabyte);
    let isOver = false;
    let mostBytes = 0;
    const sample = async (): Promise<void> => {
      while (!isOver) mostBytes = Math.max(mostBytes, await measureCacheFiles(mirror.cachePath));
    };
    const sampling = sample();
    const pulled = await Promise.all(contents.map((content) => pull(mirror.address, pathOf(content))));
    await untilSettled(mirror);
    isOver = true;
    await sampling;
    for (const [n, one] of pulled.entries()) expectWhole(one, contents[n] ?? contentOf('none', 0));
    expect(mostBytes).toBeGreaterThan(0);
    expect(mostBytes).toBeLessThanOrEqual(quota * 1.1);
    await findKept(mirror, [], quota);
  });

  test('never cuts a fill that is under way', async () => {
    const running = contentOf('running', 7.9);
    const others = Array.from({ length: 4 }, (_, n) => contentOf(`beside ${n}`, 3.9));
    const { mirror, upstream } = await setUp('12MB', [running, ...others]);
    const gate = createGate();
    upstream.once({ ...blobGets, path: running.digest }, { holdBody: { after: 4 * megabyte, gate } });
    const pulling = startPull(mirror.address, pathOf(running));
    await pulling.untilReceived(2 * megabyte);
    for (const other of others) expectWhole(await pull(mirror.address, pathOf(other)), other);
    gate.open();
    expectWhole(await pulling.done, running);
    await untilSettled(mirror);
    expect(await findKept(mirror, [running], 12 * megabyte)).toEqual([true]);
  });
});

describe('room is made', () => {
  const quota = 21 * megabyte;
  const names = ['a', 'b', 'c', 'd', 'e'] as const;
  const contents = names.map((name) => contentOf(`order ${name}`, 3.9));
  const [a = contentOf('none', 0), b = a, , , e = a] = contents;
  const newest = contentOf('order newest', 3.9);

  /** A mirror that holds all but the newest, each used once, in their order. */
  async function setUpFull(first: readonly Content[] = []) {
    const stageParts = await setUp('21MB', [...contents, newest]);
    for (const content of first) await use(stageParts.mirror, content);
    for (const content of contents) await use(stageParts.mirror, content);
    return stageParts;
  }

  async function restart(mirror: MirrorProcess): Promise<void> {
    expect(await mirror.terminate()).toBe(0);
    await mirror.start();
  }

  describe.each([
    ['in one run', false],
    ['across a restart', true],
  ])('%s', (_when, isRestarted) => {
    async function pushOut(mirror: MirrorProcess): Promise<readonly boolean[]> {
      if (isRestarted) await restart(mirror);
      await use(mirror, newest);
      return await findKept(mirror, [...contents, newest], quota);
    }

    test('by what was not used for longest', async () => {
      const { mirror } = await setUpFull();
      const kept = await pushOut(mirror);
      expect({ oldest: kept[0], latest: kept[4], newest: kept[5] }).toEqual({
        oldest: false,
        latest: true,
        newest: true,
      });
    });

    test('by the last use, not by the first', async () => {
      const { mirror } = await setUpFull();
      for (const content of contents.toReversed()) await use(mirror, content);
      const kept = await pushOut(mirror);
      expect({ a: kept[0], e: kept[4], newest: kept[5] }).toEqual({ a: true, e: false, newest: true });
    });

    test('by what was used once before what was used twice', async () => {
      // Before all others, and never again.
      const { mirror } = await setUpFull([a, a]);
      // It was a hit in its turn; the others have been used since.
      for (const content of contents.slice(2)) await use(mirror, content);
      const kept = await pushOut(mirror);
      expect({ twice: kept[0], once: kept[1] }).toEqual({ twice: true, once: false });
    });

    test('by no manifest, whose use counts for all that it lists', async () => {
      const { mirror, upstream } = await setUpFull();
      const image = upstream.registry.addImage('team/app', 'latest', [a]);
      const manifest = `/v2/team/app/manifests/${image.digest}`;
      for (let n = 0; n < 3; n += 1) {
        expect(await pull(mirror.address, manifest)).toMatchObject({ status: 200, digest: image.digest });
      }
      const kept = await pushOut(mirror);
      expect({ a: kept[0], b: kept[1] }).toEqual({ a: true, b: false });
      for (const content of [b, e, ...contents]) await use(mirror, content);
      expect(await isKept(mirror, image)).toBe(true);
      upstream.reset();
      expect(await pull(mirror.address, manifest)).toMatchObject({ status: 200, digest: image.digest });
      expect(upstream.requests).toHaveLength(0);
    });
  });
});
