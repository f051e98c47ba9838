import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { computeDigest } from '../../../src/oci/digest.ts';
import type { ServedBlob } from '../../../src/mirror/pull.ts';
import { createGate } from '../../support/gate.ts';
import { MirrorBench, nothingLeft, readAll } from './fakes/mirror-bench.ts';

const small = randomBytes(1024 * 1024);
const large = randomBytes(1024 * 1024 + 1);

let bench: MirrorBench;

beforeEach(() => {
  bench = new MirrorBench();
});

afterEach(async () => {
  expect(await bench.leftovers()).toEqual(nothingLeft);
});

/** Content as an earlier process left it, which nobody has verified since. */
async function store(bytes: Buffer, { isDamaged = false } = {}): Promise<void> {
  const object = objectOf(bytes);
  const stored = Buffer.from(bytes);
  if (isDamaged) stored.writeUInt8(255 - stored.readUInt8(500), 500);
  await bench.content.put(object, stored);
  await bench.catalog.addContent(object, { mediaType: undefined });
}

function objectOf(bytes: Buffer) {
  return { digest: computeDigest('sha256', bytes), sizeBytes: bytes.length, provenance: 'public' } as const;
}

/** A pull that finds nothing in the store, and that upstream answers. */
async function pullFromUpstream(bytes: Buffer): Promise<ServedBlob> {
  const before = bench.upstream.blobs.requests.length;
  const pull = bench.openBlob(computeDigest('sha256', bytes));
  await bench.settle();
  expect(bench.upstream.blobs.requests).toHaveLength(before + 1);
  bench.upstream.blobs.last.answer(bytes, { whole: true }).send(bytes).end();
  const served = await pull;
  expect(served.outcome).toBe('miss');
  return served;
}

describe('a stored blob that is damaged', () => {
  test('is fetched again in the same pull when it is small, and then is a hit', async () => {
    await store(small, { isDamaged: true });
    expect((await readAll(await pullFromUpstream(small))).equals(small)).toBe(true);
    expect(bench.content.quarantined).toMatchObject([objectOf(small)]);
    expect(bench.damages).toEqual(['changed']);
    await bench.settle();
    const again = await bench.openBlob(computeDigest('sha256', small));
    expect(again.outcome).toBe('hit');
    expect((await readAll(again)).equals(small)).toBe(true);
  });

  test('never comes whole when it is large; the next pull gets the right one', async () => {
    await store(large, { isDamaged: true });
    const verifying = createGate();
    bench.content.verifying = verifying.pass();
    const served = await bench.openBlob(computeDigest('sha256', large));
    expect(served.outcome).toBe('hit');
    const reading = readAll(served);
    await bench.settle();
    expect(bench.content.quarantined).toEqual([]);
    verifying.open();
    await expect(reading).rejects.toMatchObject({ kind: 'content-mismatch' });
    expect(bench.content.quarantined).toMatchObject([objectOf(large)]);
    expect(bench.catalog.findContent(computeDigest('sha256', large))).toBeUndefined();
    expect((await readAll(await pullFromUpstream(large))).equals(large)).toBe(true);
  });

  test('is not promised by a HEAD when it is small', async () => {
    await store(small, { isDamaged: true });
    bench.upstream.blobHeads.set('library/a', { sizeBytes: small.length, provenance: 'public' });
    expect((await bench.headBlob(computeDigest('sha256', small))).outcome).toBe('miss');
    expect(bench.content.quarantined).toMatchObject([objectOf(small)]);
  });
});

describe('a stored blob that is right', () => {
  test('is verified before anything is promised when it is small, and only once', async () => {
    await store(small);
    const verifying = createGate();
    bench.content.verifying = verifying.pass();
    const pull = bench.openBlob(computeDigest('sha256', small));
    let isPromised = false;
    void pull.then(() => (isPromised = true));
    await bench.settle();
    expect(isPromised).toBe(false);
    verifying.open();
    expect((await readAll(await pull)).equals(small)).toBe(true);
    bench.content.failing.set('verify', new Error('nobody asked for this'));
    expect((await readAll(await bench.openBlob(computeDigest('sha256', small)))).equals(small)).toBe(true);
  });

  test('is promised at once when it is large', async () => {
    await store(large);
    const verifying = createGate();
    bench.content.verifying = verifying.pass();
    const served = await bench.openBlob(computeDigest('sha256', large));
    verifying.open();
    expect((await readAll(served)).equals(large)).toBe(true);
    expect(bench.damages).toEqual([]);
  });
});

describe('a place on the disk that cannot be read', () => {
  const eio = Object.assign(new Error('input/output error'), { code: 'EIO' });

  test.each(['read', 'verify'] as const)(
    'found by %s costs a pull, and the blob goes to another',
    async (operation) => {
      await store(large);
      bench.content.failing.set(operation, eio);
      const served = await bench.openBlob(computeDigest('sha256', large));
      await expect(readAll(served)).rejects.toMatchObject({ kind: 'content-mismatch' });
      await bench.settle();
      expect(bench.storeErrors).toEqual(['read']);
      expect(bench.damages).toEqual(['unreadable']);
      expect(bench.content.removed).toMatchObject([objectOf(large)]);
      bench.content.failing.clear();
      expect((await readAll(await pullFromUpstream(large))).equals(large)).toBe(true);
      expect(bench.health.degraded).toHaveLength(1);
    },
  );

  test('takes nothing away when it is the reader that has run out of something', async () => {
    await store(large);
    const served = await bench.openBlob(computeDigest('sha256', large));
    bench.content.failing.set('read', Object.assign(new Error('no memory'), { code: 'ENOMEM' }));
    await expect(readAll(served)).rejects.toMatchObject({ kind: 'content-mismatch' });
    await bench.settle();
    expect(bench.damages).toEqual([]);
    expect(bench.content.removed).toEqual([]);
  });

  test('that cannot be cleared either is said, and nobody waits for it', async () => {
    await store(large);
    const served = await bench.openBlob(computeDigest('sha256', large));
    bench.content.failing.set('read', eio);
    bench.content.failing.set('remove', new Error('EROFS'));
    await expect(readAll(served)).rejects.toMatchObject({ kind: 'content-mismatch' });
    await bench.settle();
    expect(bench.storeErrors).toEqual(['read', 'remove']);
  });

  test('of a small blob costs nothing: upstream serves this pull', async () => {
    await store(small);
    bench.content.failing.set('verify', eio);
    const pull = pullFromUpstream(small);
    await bench.settle();
    expect((await readAll(await pull)).equals(small)).toBe(true);
    expect(bench.storeErrors).toEqual(['open']);
  });
});
