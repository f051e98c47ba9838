import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { computeDigest, emptyDigests } from '../../../src/oci/digest.ts';
import { MirrorError } from '../../../src/oci/errors.ts';
import type { ServedBlob } from '../../../src/mirror/pull.ts';
import { failureOf, MirrorBench, nothingLeft, placeOf, readAll } from './fakes/mirror-bench.ts';
import { denied, unknown } from './fakes/scripted-upstream.ts';
import { createImage } from './fakes/test-manifests.ts';

const content = randomBytes(3000);
const digest = computeDigest('sha256', content);

let bench: MirrorBench;

beforeEach(() => {
  bench = new MirrorBench();
});

afterEach(async () => {
  expect(await bench.leftovers()).toEqual(nothingLeft);
});

/** A pull of `content` that upstream serves. */
async function fill(): Promise<ServedBlob> {
  const pull = bench.openBlob(digest);
  await bench.settle();
  bench.upstream.blobs.last.answer(content).send(content).end();
  return await pull;
}

/** The blob is here; what was asked for it does not count. */
async function pullOnce(): Promise<void> {
  await readAll(await fill());
  await bench.settle();
  bench.upstream.asked.length = 0;
}

function goOffline(): void {
  bench.upstream.failure = new MirrorError({ kind: 'upstream-failed', message: 'no answer' });
}

describe('a blob', () => {
  test('that is not here comes from upstream and stays, linked to its repository', async () => {
    const served = await fill();
    expect(served).toMatchObject({ outcome: 'miss', digest, sizeBytes: 3000, provenance: 'public' });
    expect(await readAll(served)).toEqual(content);
    await bench.settle();
    expect(bench.catalog.findContent(digest)).toMatchObject({ sizeBytes: 3000, mediaType: undefined });
    expect(bench.catalog.hasLink(placeOf(), digest)).toBe(true);
  });

  test('that is here is served with upstream dead, through any repository', async () => {
    await pullOnce();
    goOffline();
    const served = await bench.openBlob(digest, { repository: 'library/b' });
    expect(served).toMatchObject({ outcome: 'hit', digest, sizeBytes: 3000, provenance: 'public' });
    expect(await readAll(served)).toEqual(content);
    expect(bench.upstream.asked).toEqual([]);
    expect(bench.catalog.touched).toEqual([digest]);
  });

  test('that is here gives any part of itself, several times', async () => {
    await pullOnce();
    const served = await bench.openBlob(digest);
    for (const [start, end] of [
      [0, 1],
      [1000, 2000],
      [2999, 3000],
    ] as const) {
      const body = served.openBody({ start, end });
      const chunk = await body.read();
      expect(Buffer.from(chunk?.bytes ?? [])).toEqual(content.subarray(start, end));
      chunk?.release();
      expect(await body.read()).toBeUndefined();
      body.close();
    }
    served.close();
  });

  test('that somebody is fetching is followed, not fetched again', async () => {
    const pulls = [bench.openBlob(digest), bench.openBlob(digest), bench.openBlob(digest)];
    await bench.settle();
    expect(bench.upstream.asked).toEqual(['GET blob library/a']);
    bench.upstream.blobs.last.answer(content).send(content).end();
    const served = await Promise.all(pulls);
    expect(served.map(({ outcome }) => outcome)).toEqual(['miss', 'follow', 'follow']);
    for (const blob of served) expect(await readAll(blob)).toEqual(content);
  });

  test('of no bytes is complete at once', async () => {
    const [empty] = emptyDigests;
    if (empty === undefined) throw new Error('there is one');
    const pull = bench.openBlob(empty, {}, { type: 'suffix', length: 10 });
    await bench.settle();
    expect(bench.upstream.asked).toEqual(['GET blob library/a']);
    expect(bench.upstream.blobs.last.span).toBeUndefined();
    bench.upstream.blobs.last.answer(Buffer.alloc(0)).end();
    const served = await pull;
    expect(served.sizeBytes).toBe(0);
    expect(await readAll(served)).toEqual(Buffer.alloc(0));
    await bench.settle();
    goOffline();
    expect(await readAll(await bench.openBlob(empty))).toEqual(Buffer.alloc(0));
    expect(await bench.headBlob(empty)).toMatchObject({ outcome: 'hit', sizeBytes: 0 });
  });

  test('is not asked for by a client that has left already', async () => {
    const gone = AbortSignal.abort();
    const pull = bench.mirror.getBlob({ ...placeOf(), digest }, { type: 'whole' }, gone);
    await expect(pull).rejects.toThrow();
    expect(bench.upstream.asked).toEqual([]);
  });

  test('that upstream lacks and one that it denies are the same to the client', async () => {
    const failures: unknown[] = [];
    for (const error of [unknown('blob-unknown'), denied(), unknown('manifest-unknown')]) {
      const pull = failureOf(bench.openBlob(digest));
      await bench.settle();
      bench.upstream.blobs.last.refuse(error);
      failures.push(await pull);
      bench.upstream.blobHeads.set('library/a', error);
      failures.push(await failureOf(bench.headBlob(digest)));
    }
    expect(failures[0]).toMatchObject({ kind: 'blob-unknown' });
    for (const failure of failures) expect(failure).toEqual(failures[0]);
  });
});

describe('a blob of which the catalog knows', () => {
  test.each([
    ['is gone', () => bench.content.objects.clear()],
    ['has another size', () => shorten()],
  ])('whose file %s is a miss, and is fetched again', async (_what, damage) => {
    await pullOnce();
    damage();
    const served = await fill();
    expect(served.outcome).toBe('miss');
    expect(await readAll(served)).toEqual(content);
    await bench.settle();
    goOffline();
    expect(await readAll(await bench.openBlob(digest))).toEqual(content);
  });

  test('but whose file has another size takes no room any more', async () => {
    await pullOnce();
    shorten();
    bench.upstream.blobHeads.set('library/a', { sizeBytes: 3000, provenance: 'public' });
    expect((await bench.headBlob(digest)).outcome).toBe('miss');
    expect(bench.content.objects.size).toBe(0);
    expect(bench.catalog.findContent(digest)).toBeUndefined();
  });

  test('is served although it became public while it was being opened', async () => {
    await pullOnce();
    const object = { digest, sizeBytes: 3000, provenance: 'restricted' } as const;
    await bench.content.put(object, content);
    await bench.catalog.addContent(object, { mediaType: undefined });
    const pull = bench.openBlob(digest);
    await bench.content.promote(object);
    await bench.catalog.promoteContent(digest);
    expect(await readAll(await pull)).toEqual(content);
    expect(bench.content.removed).toEqual([]);
  });

  test('but that the store fails to open comes from upstream, and is not thrown away', async () => {
    await pullOnce();
    bench.content.failing.set('open', new Error('EIO'));
    expect(await readAll(await fill())).toEqual(content);
    expect(bench.storeErrors).toEqual(['open']);
    expect(bench.content.removed).toEqual([]);
  });

  test('but that is damaged and cannot be removed comes from upstream', async () => {
    await pullOnce();
    shorten();
    bench.content.failing.set('remove', new Error('EROFS'));
    expect(await readAll(await fill())).toEqual(content);
    expect(bench.storeErrors).toEqual(['open']);
  });

  function shorten(): void {
    const stored = bench.content.objects.get(digest);
    if (stored !== undefined) stored.bytes = stored.bytes.subarray(1);
  }
});

describe('a body from the store', () => {
  test('comes in pieces, in order, to the last byte', async () => {
    const large = randomBytes(1024 * 1024 + 1);
    const object = { digest: computeDigest('sha256', large), sizeBytes: large.length, provenance: 'public' } as const;
    await bench.content.put(object, large);
    await bench.catalog.addContent(object, { mediaType: undefined });
    const served = await bench.openBlob(object.digest);
    const body = served.openBody();
    let position = 0;
    for (let chunk = await body.read(); chunk !== undefined; chunk = await body.read()) {
      const end = position + chunk.bytes.length;
      expect(large.subarray(position, end).equals(chunk.bytes)).toBe(true);
      chunk.release();
      position = end;
    }
    expect(position).toBe(large.length);
    body.close();
    served.close();
  });

  test('that cannot be read breaks off and gives its buffer back', async () => {
    await pullOnce();
    const served = await bench.openBlob(digest);
    bench.content.failing.set('read', new Error('EIO'));
    await expect(readAll(served)).rejects.toMatchObject({ kind: 'content-mismatch' });
  });

  test('keeps the file open until the last body is closed, whichever way round', async () => {
    await pullOnce();
    const served = await bench.openBlob(digest);
    const body = served.openBody();
    served.close();
    served.close();
    expect(bench.content.openFiles.size).toBe(1);
    const chunk = await body.read();
    expect(Buffer.from(chunk?.bytes ?? [])).toEqual(content);
    chunk?.release();
    body.close();
    body.close();
    expect(bench.content.openFiles.size).toBe(0);
  });

  test('that is closed while it reads gives nothing more', async () => {
    await pullOnce();
    const served = await bench.openBlob(digest);
    const body = served.openBody();
    const reading = body.read();
    body.close();
    served.close();
    expect(bench.content.openFiles.size).toBe(1);
    expect(await reading).toBeUndefined();
    expect(await body.read()).toBeUndefined();
  });

  test('goes on although the blob is removed meanwhile', async () => {
    await pullOnce();
    const served = await bench.openBlob(digest);
    await bench.content.remove({ digest, sizeBytes: 3000, provenance: 'public' });
    expect(bench.content.objects.size).toBe(0);
    expect(await readAll(served)).toEqual(content);
  });
});

describe('a HEAD of a blob', () => {
  test('that is not here asks HEAD only and starts no transfer', async () => {
    bench.upstream.blobHeads.set('library/a', { sizeBytes: 3000, provenance: 'restricted' });
    expect(await bench.headBlob(digest)).toEqual({
      outcome: 'miss',
      digest,
      sizeBytes: 3000,
      provenance: 'restricted',
    });
    expect(bench.upstream.asked).toEqual(['HEAD blob library/a']);
    expect(bench.mirror.stats().fills).toBe(0);
  });

  test('of which upstream does not say the size leaves it out', async () => {
    bench.upstream.blobHeads.set('library/a', { sizeBytes: undefined, provenance: 'public' });
    expect((await bench.headBlob(digest)).sizeBytes).toBeUndefined();
  });

  test('that is here asks nobody, counts as a use and leaves no file open', async () => {
    await pullOnce();
    goOffline();
    expect(await bench.headBlob(digest)).toEqual({ outcome: 'hit', digest, sizeBytes: 3000, provenance: 'public' });
    expect(bench.content.openFiles.size).toBe(0);
    expect(bench.catalog.touched).toEqual([digest]);
  });

  test('that cannot be asked for is the failure that it is', async () => {
    goOffline();
    expect(await failureOf(bench.headBlob(digest))).toMatchObject({ kind: 'upstream-failed' });
  });
});

test('the size that a manifest of the same repository names is taken as a hint', async () => {
  const large = randomBytes(200);
  const image = createImage('image', { layers: [content, large] });
  bench.upstream.publish(image);
  await bench.get(image.digest);
  const pull = bench.openBlob(digest);
  await bench.settle();
  // A blob known to be small is asked for in one plain GET.
  expect(bench.upstream.blobs.last.span).toBeUndefined();
  bench.upstream.blobs.last.answer(content).send(content).end();
  expect(await readAll(await pull)).toEqual(content);
});
