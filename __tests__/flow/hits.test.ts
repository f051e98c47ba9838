// Story: what is cached is served from the disk, by byte, by head, and however clients behave.
import { describe, expect, test } from '@jest/globals';
import { createSeededContent } from '../support/content.ts';
import { expectWhole } from '../support/expectations.ts';
import { setStage } from '../support/flow.ts';
import { pull } from '../support/raw-client.ts';
import { blobGets } from '../support/scripted-upstream.ts';

const stage = setStage();
const layer = createSeededContent('hits', 1_000_000);
const path = `/v2/team/app/blobs/${layer.digest}`;

async function setUpCached() {
  const upstream = await stage.upstream();
  upstream.registry.addBlob('team/app', layer);
  const mirror = await stage.mirror(upstream);
  expectWhole(await pull(mirror.address, path), layer);
  upstream.reset();
  return { upstream, mirror };
}

describe('a hit', () => {
  test('asks nobody', async () => {
    const { upstream, mirror } = await setUpCached();
    const pulled = await pull(mirror.address, path);
    expectWhole(pulled, layer);
    expect(pulled.headers).toMatchObject({
      'docker-content-digest': layer.digest,
      etag: `"${layer.digest}"`,
      'accept-ranges': 'bytes',
      'content-type': 'application/octet-stream',
    });
    expect(upstream.requests).toEqual([]);
  });

  test('gives exactly the range that was asked for, and the whole for what is no range', async () => {
    const { mirror } = await setUpCached();
    const size = layer.sizeBytes;
    const ranges: readonly (readonly [string, number, number])[] = [
      ['bytes=0-0', 0, 1],
      ['bytes=-5', size - 5, size],
      ['bytes=5-', 5, size],
      ['bytes=0-', 0, size],
      [`bytes=-${size + 1}`, 0, size],
      [`bytes=7-${size + 1000}`, 7, size],
      ['bytes=3-99999999999999999999999', 3, size],
      [`bytes=${size - 1}-`, size - 1, size],
    ];
    for (const [range, start, end] of ranges) {
      const pulled = await pull(mirror.address, path, { range, keepBody: true });
      expect([range, pulled.status, pulled.headers['content-range']]).toEqual([
        range,
        206,
        `bytes ${start}-${end - 1}/${size}`,
      ]);
      expect(pulled.body.equals(layer.read(start, end))).toBe(true);
    }
    for (const range of [`bytes=${size}-`, 'bytes=99999999999999999999999-', 'bytes=-0']) {
      const pulled = await pull(mirror.address, path, { range });
      expect([range, pulled.status, pulled.headers['content-range']]).toEqual([range, 416, `bytes */${size}`]);
    }
    for (const range of ['bytes=a-b', 'bytes=5-2', 'bytes=', 'lines=1-2', 'bytes=1']) {
      expectWhole(await pull(mirror.address, path, { range }), layer);
    }
  });

  test('answers two ranges with both of them or with the whole', async () => {
    const { mirror } = await setUpCached();
    const pulled = await pull(mirror.address, path, { range: 'bytes=0-9,100-109', keepBody: true });
    if (pulled.status === 200) return expectWhole(pulled, layer);
    expect(pulled.status).toBe(206);
    expect(pulled.headers['content-type']).toMatch(/^multipart\/byteranges; boundary=/);
    expect(pulled.body.includes(layer.read(0, 10))).toBe(true);
    expect(pulled.body.includes(layer.read(100, 110))).toBe(true);
  });

  test('ignores ranges of a manifest', async () => {
    const { upstream, mirror } = await setUpCached();
    const image = upstream.registry.addImage('team/app', 'latest', ['layer']);
    const pulled = await pull(mirror.address, '/v2/team/app/manifests/latest', { range: 'bytes=0-0' });
    expect(pulled).toMatchObject({ status: 200, digest: image.digest });
  });

  test('leaves no descriptor behind when a thousand clients abort', async () => {
    const { upstream, mirror } = await setUpCached();
    const blobFiles = (): number => mirror.descriptors().filter((target) => target.includes('/blobs/')).length;
    const before = blobFiles();
    for (let round = 0; round < 20; round += 1) {
      await Promise.all(Array.from({ length: 50 }, () => pull(mirror.address, path, { abortAfter: 1 })));
    }
    expectWhole(await pull(mirror.address, path), layer);
    // The hot object may stay open, once.
    expect(blobFiles()).toBeLessThanOrEqual(Math.max(before, 1));
    expect(upstream.requests).toEqual([]);
  });
});

describe('HEAD', () => {
  test('of a cold blob says all that GET would, and downloads nothing', async () => {
    const upstream = await stage.upstream();
    upstream.registry.addBlob('team/app', layer);
    const mirror = await stage.mirror(upstream);
    const head = await pull(mirror.address, path, { method: 'HEAD' });
    expect(head).toMatchObject({ status: 200, bytes: 0, isComplete: true });
    expect(head.headers).toMatchObject({
      'content-length': String(layer.sizeBytes),
      'docker-content-digest': layer.digest,
      'content-type': 'application/octet-stream',
    });
    expect(upstream.find(blobGets)).toEqual([]);
    expect(upstream.find({ method: 'HEAD' })).toHaveLength(1);
  });

  test('of a cold manifest costs upstream one HEAD', async () => {
    const upstream = await stage.upstream();
    const image = upstream.registry.addImage('team/app', 'latest', ['layer']);
    const mirror = await stage.mirror(upstream);
    const head = await pull(mirror.address, '/v2/team/app/manifests/latest', { method: 'HEAD' });
    expect(head).toMatchObject({ status: 200, bytes: 0 });
    expect(head.headers).toMatchObject({
      'content-length': String(image.bytes.length),
      'docker-content-digest': image.digest,
      'content-type': image.mediaType,
    });
    expect(upstream.requests.map((request) => request.method)).toEqual(['HEAD']);
  });

  test('of what is absent is 404 without a body', async () => {
    const upstream = await stage.upstream();
    upstream.registry.addBlob('team/app', 'something else');
    const mirror = await stage.mirror(upstream);
    for (const target of [path, '/v2/team/app/manifests/absent']) {
      expect(await pull(mirror.address, target, { method: 'HEAD' })).toMatchObject({ status: 404, bytes: 0 });
    }
  });
});
