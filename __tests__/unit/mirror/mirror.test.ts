import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { computeDigest } from '../../../src/oci/digest.ts';
import { failureOf, MirrorBench, nothingLeft, placeOf, readAll } from './fakes/mirror-bench.ts';
import { createImage } from './fakes/test-manifests.ts';

const content = randomBytes(3000);
const digest = computeDigest('sha256', content);
const image = createImage('image');
const signal = new AbortController().signal;

let bench: MirrorBench;

beforeEach(() => {
  bench = new MirrorBench();
});

afterEach(async () => {
  expect(await bench.leftovers()).toEqual(nothingLeft);
});

test('nothing can be had of an upstream that is not configured, whatever is here', async () => {
  bench.upstream.publish(image, { tag: 'latest' });
  await bench.get('latest');
  const place = { upstream: 'evil.example', repository: 'library/a' };
  const pulls = [
    bench.get('latest', place),
    bench.head('latest', place),
    bench.get(image.digest, place),
    bench.openBlob(digest, place),
    bench.headBlob(digest, place),
    bench.mirror.listTags({ ...place, n: undefined, last: undefined }, signal),
    bench.mirror.listReferrers({ ...place, digest, artifactType: undefined }, signal),
  ];
  for (const pull of pulls) expect(await failureOf(pull)).toMatchObject({ kind: 'upstream-unknown' });
});

test('a pull that has come through other mirrors says so upstream', async () => {
  bench.upstream.publish(image, { tag: 'latest' });
  await bench.mirror.getManifest(
    { ...placeOf(), reference: { type: 'tag', tag: 'latest' }, hops: ['stowage-a', 'stowage-b'] },
    signal,
  );
  await bench.get('latest');
  expect(bench.upstream.hops).toEqual([['stowage-a', 'stowage-b'], []]);
});

describe('a blob that has been filled', () => {
  test('is linked to every repository for which upstream has answered, and to no other', async () => {
    bench.upstream.blobHeads.set('private/b', { sizeBytes: 3000, provenance: 'restricted' });
    const pulls = ['private/a', 'private/b', 'public/c'].map((repository) => bench.openBlob(digest, { repository }));
    const denied = failureOf(pulls[2] ?? Promise.reject(new Error('there are three')));
    await bench.settle();
    bench.upstream.blobs.last.answer(content, { provenance: 'restricted' }).send(content.subarray(0, 10));
    await bench.settle();
    bench.upstream.blobs.last.send(content.subarray(10)).end();
    for (const pull of pulls.slice(0, 2)) expect(await readAll(await pull)).toEqual(content);
    expect(await denied).toMatchObject({ kind: 'blob-unknown' });
    await bench.settle();
    const linked = ['private/a', 'private/b', 'public/c'].filter((repository) =>
      bench.catalog.hasLink(placeOf({ repository }), digest),
    );
    expect(linked).toEqual(['private/a', 'private/b']);
    expect(bench.catalog.findContent(digest)?.provenance).toBe('restricted');
  });
});

describe('the numbers of a mirror', () => {
  test('are its fills and those who read them', async () => {
    const leaving = new AbortController();
    const pulls = [signal, leaving.signal].map((client) =>
      bench.mirror.getBlob({ ...placeOf(), digest }, { type: 'whole' }, client),
    );
    await bench.settle();
    expect(bench.mirror.stats()).toEqual({ fills: 1, readers: 2, waiting: 0 });
    const left = failureOf(pulls[1] ?? Promise.reject(new Error('there are two')));
    leaving.abort();
    await bench.settle();
    expect(await left).toMatchObject({ name: 'AbortError' });
    expect(bench.mirror.stats()).toEqual({ fills: 1, readers: 1, waiting: 0 });
    bench.upstream.blobs.last.answer(content).send(content).end();
    for (const pull of pulls.slice(0, 1)) await readAll(await pull);
  });
});

test('closing a mirror parks what nobody reads and leaves no file open', async () => {
  const large = randomBytes(2 * 1024 * 1024);
  const served = bench.openBlob(computeDigest('sha256', large));
  await bench.settle();
  bench.upstream.blobs.last.answer(large).send(large.subarray(0, 1024 * 1024));
  await bench.settle();
  (await served).close();
  await bench.mirror.close();
  expect([...bench.content.parked.values()].map(({ spans }) => spans)).toEqual([[{ start: 0, end: 1024 * 1024 }]]);
});
