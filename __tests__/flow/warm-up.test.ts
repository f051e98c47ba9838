// Story: images are here before anybody asks for them, and what is here is what it should be.
import { describe, expect, test } from '@jest/globals';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { formatPlatform } from '../../src/oci/platform.ts';
import { localPlatform } from '../../src/mirror/jobs/local-platform.ts';
import { askApi, itemOf, listJobs, readJob, startJob, untilJob, untilJobEnds } from '../support/admin-jobs.ts';
import { createSeededContent, type Content } from '../support/content.ts';
import { mainName, setStage } from '../support/flow.ts';
import { createGate } from '../support/gate.ts';
import { readMetric } from '../support/metrics.ts';
import type { MirrorProcess } from '../support/mirror-process.ts';
import { pull } from '../support/raw-client.ts';
import { ociIndexType, type AddedImage } from '../support/registry-content.ts';
import { blobGets, type ScriptedUpstream } from '../support/scripted-upstream.ts';
import { pollUntil } from '../support/signal.ts';

const stage = setStage();
const local = formatPlatform(localPlatform());
const layersOf = (name: string, count: number, sizeBytes = 3000): readonly Content[] =>
  Array.from({ length: count }, (_, i) => createSeededContent(`warm-up ${name} ${i}`, sizeBytes));

/** `team/app:latest` for several platforms, an attestation among them. */
function addIndex({ registry }: ScriptedUpstream, images: Readonly<Record<string, AddedImage>>) {
  const attestation = registry.addImage('team/app', undefined, ['who made it']);
  const entryOf = ({ digest, bytes, mediaType }: AddedImage) => ({ mediaType, digest, size: bytes.length });
  const manifests = Object.entries(images).map(([platform, image]) => {
    const [os, architecture, variant] = platform.split('/');
    return { ...entryOf(image), platform: { os, architecture, variant } };
  });
  const annotations = { 'vnd.docker.reference.type': 'attestation-manifest' };
  const unknown = { ...entryOf(attestation), platform: { os: 'unknown', architecture: 'unknown' }, annotations };
  const body = { schemaVersion: 2, mediaType: ociIndexType, manifests: [...manifests, unknown] };
  return { attestation, index: registry.addManifest('team/app', body, { tag: 'latest', mediaType: ociIndexType }) };
}

async function outcomeOf(mirror: MirrorProcess, path: string): Promise<string | undefined> {
  const pulled = await pull(mirror.address, `/v2/team/app/${path}`);
  return pulled.status === 200 && pulled.isComplete ? pulled.headers['cache-status'] : String(pulled.status);
}

/** What a client of the image is answered, for the manifest and everything it lists. */
async function outcomesOf(mirror: MirrorProcess, image: AddedImage): Promise<ReadonlySet<string | undefined>> {
  const paths = [image, image.config, ...image.layers].map(({ digest }, i) =>
    i === 0 ? `manifests/${digest}` : `blobs/${digest}`,
  );
  return new Set(await Promise.all(paths.map((path) => outcomeOf(mirror, path))));
}

const hits = new Set(['stowage; hit']);
const largeBytes = 6_000_000;

async function setUpForty() {
  const upstream = await stage.upstream();
  const large = createSeededContent('warm-up large', largeBytes);
  const image = upstream.registry.addImage('team/app', undefined, [...layersOf('mine', 39), large]);
  const other = upstream.registry.addImage('team/app', undefined, layersOf('other', 3));
  const { index, attestation } = addIndex(upstream, { [local]: image, 'plan9/vax': other });
  const mirror = await stage.mirror(upstream);
  return { upstream, mirror, large, image, other, index, attestation };
}

describe('an image of forty layers', () => {
  test('is pulled with progress, and afterwards every layer is a hit with the upstream stopped', async () => {
    const { upstream, mirror, large, image, other, index } = await setUpForty();
    const gate = createGate();
    upstream.always({ ...blobGets, path: large.digest }, { holdBody: { after: largeBytes / 2, gate } });
    const answer = await askApi(mirror, '/pull', { references: ['team/app'] });
    expect(answer).toMatchObject({ status: 202, body: { kind: 'pull', origin: 'operator', state: 'running' } });
    const { id } = answer.body as { readonly id: string };
    expect(answer.location).toBe(`/api/v1/jobs/${id}`);
    const totalBytes = [index, image].reduce((sum, { bytes }) => sum + bytes.length, 0);
    const total = [image.config, ...image.layers].reduce((sum, { sizeBytes }) => sum + sizeBytes, totalBytes);
    // All but the large one are here for good, and half of that.
    const half = await untilJob(mirror, id, (job) => itemOf(job).doneObjects === 42);
    expect(itemOf(half)).toMatchObject({
      reference: `${mainName}/team/app:latest`,
      state: 'running',
      totalBytes: total,
    });
    await untilJob(mirror, id, (job) => itemOf(job).doneBytes >= total - largeBytes / 2 - 100_000);
    expect(itemOf(await readJob(mirror, id)).doneBytes).toBeLessThanOrEqual(total - largeBytes / 2);
    gate.open();
    const job = await untilJobEnds(mirror, id);
    const all = { totalBytes: total, doneBytes: total, fetchedBytes: total, totalObjects: 43, doneObjects: 43 };
    expect(job).toMatchObject({ state: 'done', items: [{ state: 'done', error: null, damagedObjects: 0, ...all }] });
    expect(job.endedAt).not.toBeNull();
    await upstream.down();
    expect(await outcomeOf(mirror, 'manifests/latest')).toBe('stowage; hit');
    expect(await outcomesOf(mirror, image)).toEqual(hits);
    expect(upstream.find({ path: other.digest })).toHaveLength(0);
  });

  test('that is here is not fetched again', async () => {
    const { upstream, mirror } = await setUpForty();
    await untilJobEnds(mirror, await startJob(mirror, '/pull', { references: ['team/app'] }));
    upstream.reset();
    const job = await untilJobEnds(mirror, await startJob(mirror, '/pull', { references: ['team/app:latest'] }));
    expect(job).toMatchObject({ state: 'done', items: [{ fetchedBytes: 0, doneObjects: 43 }] });
    expect(upstream.requests).toHaveLength(0);
  });

  test('comes for all platforms, with attestations, where that is asked for', async () => {
    const { upstream, mirror, image, other, attestation } = await setUpForty();
    const id = await startJob(mirror, '/pull', { references: ['team/app'], platforms: 'all' });
    expect(await untilJobEnds(mirror, id)).toMatchObject({ state: 'done', items: [{ error: null }] });
    await upstream.down();
    for (const part of [image, other, attestation]) expect(await outcomesOf(mirror, part)).toEqual(hits);
  });

  test('that lacks a platform says which it has, and comes for the others', async () => {
    const { upstream, mirror, other, image } = await setUpForty();
    const id = await startJob(mirror, '/pull', { references: ['team/app'], platforms: ['plan9/vax', 'linux/arm/v7'] });
    const error = `the image has nothing for linux/arm/v7; it has ${local}, plan9/vax`;
    expect(await untilJobEnds(mirror, id)).toMatchObject({ state: 'failed', items: [{ state: 'failed', error }] });
    await upstream.down();
    expect(await outcomesOf(mirror, other)).toEqual(hits);
    expect(await outcomeOf(mirror, `blobs/${image.layers[0]?.digest}`)).toMatch(/^50[234]$/);
  });
});

describe('a pull', () => {
  test('of what is no image name is refused at its field, and nothing starts', async () => {
    const upstream = await stage.upstream();
    const mirror = await stage.mirror(upstream);
    const answer = await askApi(mirror, '/pull', { references: ['no such//image::'] });
    const error = '"no such//image::" is no image name, as in alpine:3.20 or ghcr.io/org/app@sha256:…';
    expect(answer).toMatchObject({ status: 400, body: { field: 'references[0]' } });
    expect((answer.body as { readonly error: string }).error).toContain(error);
    expect(await askApi(mirror, '/pull', { references: ['team/app', 'quay.io/a/b'] })).toMatchObject({
      status: 400,
      body: { field: 'references[1]' },
    });
    expect(await listJobs(mirror)).toEqual([]);
    expect(upstream.requests).toEqual([]);
  });

  test('of several images goes on where one fails', async () => {
    const upstream = await stage.upstream();
    const image = upstream.registry.addImage('team/app', 'latest', layersOf('several', 2));
    const mirror = await stage.mirror(upstream);
    const references = ['team/none:v1', 'team/app', `${mainName}/team/app:latest`];
    const job = await untilJobEnds(mirror, await startJob(mirror, '/pull', { references }));
    expect(job.state).toBe('failed');
    expect(job.items).toMatchObject([
      { reference: `${mainName}/team/none:v1`, state: 'failed', error: 'the repository has no such manifest' },
      { reference: `${mainName}/team/app:latest`, state: 'done', error: null },
    ]);
    await upstream.down();
    expect(await outcomesOf(mirror, image)).toEqual(hits);
  });

  test('that is cancelled fetches no more, and later goes on from where it was', async () => {
    const upstream = await stage.upstream();
    const [layer] = layersOf('cancelled', 1, 30_000_000);
    upstream.registry.addImage('team/app', 'latest', layer === undefined ? [] : [layer]);
    const mirror = await stage.mirror(upstream);
    const rule = upstream.always(blobGets, { holdBody: { after: 4_000_000, gate: createGate() } });
    const id = await startJob(mirror, '/pull', { references: ['team/app', 'team/next'] });
    await untilJob(mirror, id, ({ items: [item] }) => (item?.doneBytes ?? 0) > 1_000_000);
    const answer = await askApi(mirror, `/jobs/${id}/cancel`, {});
    expect(answer).toMatchObject({ status: 200, body: { id, state: 'cancelled' } });
    await pollUntil(async () => (await readMetric(mirror.adminAddress, 'stowage_fills_running')) === 0);
    rule.remove();
    const before = upstream.bytesOf(blobGets);
    const job = await untilJobEnds(mirror, await startJob(mirror, '/pull', { references: ['team/app'] }));
    expect(job.state).toBe('done');
    expect(upstream.bytesOf(blobGets) - before).toBeLessThan(30_000_000);
    expect(await askApi(mirror, '/jobs/none/cancel', {})).toMatchObject({ status: 404 });
  });
});

describe('a mirror that ends', () => {
  test('does not wait for its jobs, and keeps what has come for the next start', async () => {
    const upstream = await stage.upstream();
    const layer = createSeededContent('warm-up ended', 30_000_000);
    const image = upstream.registry.addImage('team/app', 'latest', [layer]);
    const mirror = await stage.mirror(upstream);
    const rule = upstream.always(blobGets, { holdBody: { after: 4_000_000, gate: createGate() } });
    const id = await startJob(mirror, '/pull', { references: ['team/app'] });
    await untilJob(mirror, id, (job) => itemOf(job).doneBytes > 1_000_000);
    expect(await mirror.terminate()).toBe(0);
    rule.remove();
    await mirror.start();
    expect(await listJobs(mirror)).toEqual([]);
    const job = await untilJobEnds(mirror, await startJob(mirror, '/pull', { references: ['team/app'] }));
    expect(job.state).toBe('done');
    await upstream.down();
    expect(await outcomesOf(mirror, image)).toEqual(hits);
  });
});

describe('prefetch', () => {
  test('pulls its images at the start', async () => {
    const upstream = await stage.upstream();
    const image = upstream.registry.addImage('team/app', 'latest', layersOf('prefetched', 3));
    const mirror = await stage.mirror(upstream, { prefetch: { images: ['team/app'], every: 'never' } });
    await pollUntil(async () => (await listJobs(mirror)).some(({ state }) => state === 'done'));
    expect(await listJobs(mirror)).toMatchObject([{ kind: 'pull', origin: 'prefetch', state: 'done' }]);
    await upstream.down();
    expect(await outcomesOf(mirror, image)).toEqual(hits);
  });

  test('starts the layers of a manifest that a client pulls', async () => {
    const upstream = await stage.upstream();
    const image = upstream.registry.addImage('team/app', 'latest', layersOf('ahead', 6));
    const mirror = await stage.mirror(upstream, { prefetch: { onPull: 'layers' } });
    const target = '/v2/team/app/manifests/latest';
    await pull(mirror.address, target, { method: 'HEAD' });
    expect(upstream.find(blobGets)).toHaveLength(0);
    expect((await pull(mirror.address, target)).status).toBe(200);
    const { adminAddress } = mirror;
    await pollUntil(async () => (await readMetric(adminAddress, 'stowage_fills_total', { result: 'committed' })) === 7);
    await upstream.down();
    expect(await outcomesOf(mirror, image)).toEqual(hits);
  });
});

describe('a verification', () => {
  test('finds a flipped byte and puts the object aside', async () => {
    const upstream = await stage.upstream();
    const image = upstream.registry.addImage('team/app', 'latest', layersOf('verified', 3, 200_000));
    const mirror = await stage.mirror(upstream);
    await untilJobEnds(mirror, await startJob(mirror, '/pull', { references: ['team/app'] }));
    const right = await untilJobEnds(mirror, await startJob(mirror, '/verify', {}));
    const totals = { totalObjects: 5, doneObjects: 5, damagedObjects: 0 };
    expect(right).toMatchObject({ state: 'done', kind: 'verify', items: [{ reference: '*', ...totals }] });
    const digest = image.layers[1]?.digest ?? '';
    const file = await open(
      join(mirror.cachePath, 'blobs', 'public', 'sha256', digest.slice(7, 9), digest.slice(7)),
      'r+',
    );
    await file.write(Buffer.from([(createSeededContent('warm-up verified 1', 1).read(0, 1)[0] ?? 0) ^ 1]), 0, 1, 0);
    await file.close();
    const job = await untilJobEnds(mirror, await startJob(mirror, '/verify', { references: ['team/app'] }));
    expect(job).toMatchObject({ state: 'failed', items: [{ state: 'failed', damagedObjects: 1, totalObjects: 5 }] });
    expect(itemOf(job).error).toMatch(/^1 of 5 objects is damaged or missing/);
    expect(await outcomeOf(mirror, `blobs/${digest}`)).toBe('stowage; fwd=uri-miss; stored');
  });

  test('of an image that is not here says so', async () => {
    const upstream = await stage.upstream();
    const mirror = await stage.mirror(upstream);
    const job = await untilJobEnds(mirror, await startJob(mirror, '/verify', { references: ['team/none'] }));
    const error = 'nothing of this image is in the cache';
    expect(job).toMatchObject({ state: 'failed', items: [{ state: 'failed', error }] });
    expect(upstream.requests).toEqual([]);
  });
});
