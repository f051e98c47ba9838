// Story: ranges of what is not here yet.
import { describe, expect, test } from '@jest/globals';
import { createSeededContent } from '../support/content.ts';
import { expectWhole } from '../support/expectations.ts';
import { setStage } from '../support/flow.ts';
import { createGate } from '../support/gate.ts';
import { pull, startPull } from '../support/raw-client.ts';
import { blobGets } from '../support/scripted-upstream.ts';

const stage = setStage();
const layer = createSeededContent('cold ranges', 64_000_000);
const path = `/v2/team/app/blobs/${layer.digest}`;

async function setUp() {
  const upstream = await stage.upstream();
  upstream.registry.addBlob('team/app', layer);
  return { upstream, mirror: await stage.mirror(upstream) };
}

async function expectRange(address: string, start: number, end: number): Promise<void> {
  const pulled = await pull(address, path, { range: `bytes=${start}-${end - 1}`, keepBody: true });
  expect(pulled).toMatchObject({ status: 206, isComplete: true, bytes: end - start });
  expect(pulled.headers['content-range']).toBe(`bytes ${start}-${end - 1}/${layer.sizeBytes}`);
  expect(pulled.headers['content-length']).toBe(String(end - start));
  expect(pulled.body.equals(layer.read(start, end))).toBe(true);
}

describe('a range of a cold blob', () => {
  test('is exact, and eight at once cost one transfer', async () => {
    const { upstream, mirror } = await setUp();
    const step = layer.sizeBytes / 8;
    await Promise.all(Array.from({ length: 8 }, (_, i) => expectRange(mirror.address, i * step, (i + 1) * step)));
    await upstream.until(() => upstream.requests.every((request) => request.isAnswered));
    expect(upstream.bytesOf(blobGets)).toBeLessThanOrEqual(1.2 * layer.sizeBytes);
    expectWhole(await pull(mirror.address, path), layer);
    expect(upstream.bytesOf(blobGets)).toBeLessThanOrEqual(1.2 * layer.sizeBytes);
  });

  test('far ahead does not wait for what lies before it', async () => {
    const { upstream, mirror } = await setUp();
    const gate = createGate();
    upstream.once(blobGets, { holdBody: { after: 1_000_000, gate } });
    const whole = startPull(mirror.address, path);
    await whole.untilReceived(500_000);
    await expectRange(mirror.address, layer.sizeBytes - 4096, layer.sizeBytes);
    await expectRange(mirror.address, 40_000_000, 40_100_000);
    expect(whole.received).toBeLessThan(16_000_000);
    gate.open();
    expectWhole(await whole.done, layer);
    expect(upstream.bytesOf(blobGets)).toBeLessThanOrEqual(1.05 * layer.sizeBytes);
  });

  test('past its end is 416 with its size', async () => {
    const { mirror } = await setUp();
    // So little was asked for that the rest is not fetched: what is here waits for the next pull.
    stage.allowParked(layer.digest);
    const pulled = await pull(mirror.address, path, { range: `bytes=${layer.sizeBytes}-` });
    expect(pulled.status).toBe(416);
    expect(pulled.headers['content-range']).toBe(`bytes */${layer.sizeBytes}`);
    expect(
      (await pull(mirror.address, path, { range: 'bytes=-10', keepBody: true })).body.equals(
        layer.read(layer.sizeBytes - 10, layer.sizeBytes),
      ),
    ).toBe(true);
  });

  test('comes from an upstream that knows no ranges, too', async () => {
    const { upstream, mirror } = await setUp();
    upstream.registry.supportsRange = false;
    const pulled = await pull(mirror.address, path, { range: 'bytes=100-199', keepBody: true });
    if (pulled.status === 206) expect(pulled.body.equals(layer.read(100, 200))).toBe(true);
    else expectWhole(pulled, layer);
    expectWhole(await pull(mirror.address, path), layer);
    expect(upstream.bytesOf(blobGets)).toBeLessThanOrEqual(1.3 * layer.sizeBytes);
  });

  test('of unknown size is the whole', async () => {
    const { upstream, mirror } = await setUp();
    upstream.registry.supportsRange = false;
    upstream.always(blobGets, { chunked: true });
    upstream.always({ method: 'HEAD' }, { headers: { 'content-length': undefined } });
    const pulled = await pull(mirror.address, path, { range: 'bytes=100-199' });
    expect(pulled).toMatchObject({ status: 200, isComplete: true, digest: layer.digest });
  });

  test('whose whole turns out wrong leaves nothing behind', async () => {
    const { upstream, mirror } = await setUp();
    const wrong = upstream.always(blobGets, { flip: 30_000_000 });
    const whole = await pull(mirror.address, path);
    expect(whole.isComplete).toBe(false);
    const range = await pull(mirror.address, path, { range: 'bytes=0-99', keepBody: true });
    expect([206, 502]).toContain(range.status);
    wrong.remove();
    expectWhole(await pull(mirror.address, path), layer);
  });
});
