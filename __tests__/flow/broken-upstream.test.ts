// Story: an upstream that lies, breaks or stalls: right bytes or no bytes.
import { describe, expect, test } from '@jest/globals';
import { listCacheFiles, untilCacheIsEmpty } from '../support/cache-files.ts';
import { createSeededContent } from '../support/content.ts';
import { expectError, expectWhole } from '../support/expectations.ts';
import { setStage } from '../support/flow.ts';
import { pull, startPull } from '../support/raw-client.ts';
import { blobGets, type ScriptedUpstream } from '../support/scripted-upstream.ts';
import { pollUntil } from '../support/signal.ts';

const stage = setStage();
const layer = createSeededContent('fill', 5_000_000);
const path = `/v2/team/app/blobs/${layer.digest}`;

async function setUp(upstreamOptions = {}, config = {}) {
  const upstream = await stage.upstream(upstreamOptions);
  upstream.registry.addBlob('team/app', layer);
  const mirror = await stage.mirror(upstream, config);
  return { upstream, mirror };
}

const pullTimes = (address: string, count: number, target = path) =>
  Promise.all(Array.from({ length: count }, () => pull(address, target)));

/** Bytes of blobs sent upstream, but for what the oracle asks afterwards. */
const blobBytes = (upstream: ScriptedUpstream): number => upstream.bytesOf(blobGets);

describe('a body from upstream', () => {
  test('breaks every reader short of the end when one bit is wrong, keeps nothing, and is right the next time', async () => {
    const { upstream, mirror } = await setUp();
    const wrong = upstream.always(blobGets, { flip: layer.sizeBytes - 100 });
    for (const pulled of await pullTimes(mirror.address, 5)) {
      expect(pulled.isComplete).toBe(false);
      expect(pulled.bytes).toBeLessThan(layer.sizeBytes);
    }
    expect(await untilCacheIsEmpty(mirror.cachePath)).toEqual([]);
    const errors = (): string[] => mirror.output.split('\n').filter((line) => line.includes('"level":"error"'));
    await pollUntil(() => errors().some((line) => line.includes(layer.digest)), {
      what: 'an error that names the digest',
    });
    wrong.remove();
    expectWhole(await pull(mirror.address, path), layer);
  });

  test('answers 502 for a small blob with a wrong bit', async () => {
    const { upstream, mirror } = await setUp();
    const small = upstream.registry.addBlob('team/app', createSeededContent('small', 100_000));
    const wrong = upstream.always(blobGets, { flip: 5 });
    const target = `/v2/team/app/blobs/${small.digest}`;
    expectError(await pull(mirror.address, target), 502, 'UNAVAILABLE');
    wrong.remove();
    expectWhole(await pull(mirror.address, target), small);
  });

  test.each(['FIN', 'RST'] as const)('goes on from where a body was cut by %s', async (by) => {
    const { upstream, mirror } = await setUp();
    upstream.once(blobGets, { cut: { after: 2_500_000, by } });
    for (const pulled of await pullTimes(mirror.address, 3)) expectWhole(pulled, layer);
    const [, second, ...more] = upstream.find(blobGets);
    expect(more).toEqual([]);
    const [, start = '0'] = /^bytes=(\d+)-/.exec(second?.headers['range'] ?? '') ?? [];
    // What was on its way when the connection broke may be lost; what has arrived is not asked for again.
    expect(Number(start)).toBeGreaterThan(0);
    if (by === 'FIN') expect(blobBytes(upstream)).toBeLessThanOrEqual(1.05 * layer.sizeBytes);
  });

  test('destroys the readers, and appends nothing, when upstream dies for good after the head was sent', async () => {
    const { upstream, mirror } = await setUp();
    upstream.once(blobGets, { cut: { after: 2_500_000, by: 'RST' } });
    const pulling = startPull(mirror.address, path, { keepBody: true });
    await pulling.untilReceived(1);
    await upstream.down();
    const pulled = await pulling.done;
    expect(pulled).toMatchObject({ status: 200, isComplete: false });
    expect(pulled.body.equals(layer.read(0, pulled.bytes))).toBe(true);
    stage.allowParked(layer.digest);
  });

  test.each(['FIN', 'RST'] as const)(
    'never takes a body without length that ends early by %s for the whole',
    async (by) => {
      const { upstream, mirror } = await setUp();
      const broken = upstream.always(blobGets, {
        noLength: true,
        headers: { 'accept-ranges': undefined },
        ignoreRange: true,
        cut: { after: 2_500_000, by },
      });
      const pulled = await pull(mirror.address, path);
      expect(pulled.status === 200 && pulled.isComplete).toBe(false);
      expect(await listCacheFiles(mirror.cachePath, ['blobs'])).toEqual([]);
      broken.remove();
      expectWhole(await pull(mirror.address, path), layer);
    },
  );

  test.each([
    ['a page of HTML', '<html><body>sign in</body></html>', 'text/html'],
    ['JSON', '{"message":"try later"}', 'application/json'],
    ['nothing', '', 'application/octet-stream'],
  ])('never takes %s with status 200 for a blob', async (_name, body, type) => {
    const { upstream, mirror } = await setUp();
    const small = upstream.registry.addBlob('team/app', createSeededContent('small', 100_000));
    const wrong = upstream.always({ path: '/blobs/' }, { status: 200, body, headers: { 'content-type': type } });
    for (const digest of [layer.digest, small.digest]) {
      expectError(await pull(mirror.address, `/v2/team/app/blobs/${digest}`), 502, 'UNAVAILABLE');
    }
    expect(await untilCacheIsEmpty(mirror.cachePath)).toEqual([]);
    wrong.remove();
    expectWhole(await pull(mirror.address, path), layer);
    expectWhole(await pull(mirror.address, `/v2/team/app/blobs/${small.digest}`), small);
  });

  test('asks again when upstream stalls, also while its only reader is paused', async () => {
    const { upstream, mirror } = await setUp({}, { fill: { idleTimeout: '300ms' } });
    upstream.once(blobGets, { stall: { after: 3_000_000 } });
    const pulling = startPull(mirror.address, path);
    await pulling.untilReceived(100_000);
    pulling.pause();
    await upstream.untilRequests(blobGets, 2);
    await upstream.until(() => blobBytes(upstream) >= layer.sizeBytes);
    pulling.resume();
    expectWhole(await pulling.done, layer);
    expect(blobBytes(upstream)).toBe(layer.sizeBytes);
  });

  test('stops an endless body, and keeps nothing of it', async () => {
    const { upstream, mirror } = await setUp(
      {},
      { fill: { idleTimeout: '300ms', resumeFor: '1s', maxBlobSize: '8MB' } },
    );
    upstream.always(blobGets, { endless: true, ignoreRange: true });
    const pulled = await pull(mirror.address, path);
    expect(pulled.status === 200 && pulled.isComplete).toBe(false);
    await upstream.until(() => upstream.requests.every((request) => request.isAnswered));
    expect(await untilCacheIsEmpty(mirror.cachePath)).toEqual([]);
  });
});
