import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { computeDigest, type Digest } from '../../../../src/oci/digest.ts';
import type { ImageName } from '../../../../src/oci/image-name.ts';
import { Progress } from '../../../../src/mirror/jobs/job.ts';
import { Verifier } from '../../../../src/mirror/jobs/verify.ts';
import { createInventory } from '../../../../src/store/inventory.ts';
import { silentLog } from '../../../../src/telemetry/log.ts';
import { silentMeter } from '../../../../src/telemetry/metrics.ts';
import { createManualClock, type ManualClock } from '../../http/manual-clock.ts';
import { MemoryCatalog } from '../fakes/memory-catalog.ts';
import { MemoryContentStore } from '../fakes/memory-content-store.ts';

const place = { upstream: 'docker.io', repository: 'library/a' };
const image: ImageName = { ...place, reference: { type: 'tag', tag: 'latest' } };

let clock: ManualClock;
let content: MemoryContentStore;
let catalog: MemoryCatalog;
let faults: string[];
let verifier: Verifier;
let progress: Progress;
let cancel: AbortController;

beforeEach(() => {
  clock = createManualClock();
  content = new MemoryContentStore();
  catalog = new MemoryCatalog();
  faults = [];
  progress = new Progress(() => {});
  cancel = new AbortController();
  const parts = { content, catalog, log: silentLog, meter: silentMeter };
  const inventory = createInventory({ ...parts, findLost: async () => undefined, onOrphan: () => {} });
  content.onDamaged = async (object) => await inventory.quarantine(object);
  const report = (operation: string): void => void faults.push(operation);
  verifier = new Verifier({ catalog, inventory, clock, faults: { report } });
});

afterEach(() => {
  expect([content.openFiles.size, clock.pending]).toEqual([0, 0]);
});

async function add(text: string, children: readonly Digest[] = []): Promise<Digest> {
  const bytes = Buffer.from(text);
  const object = { digest: computeDigest('sha256', bytes), sizeBytes: bytes.length, provenance: 'public' as const };
  await content.put(object, bytes);
  await catalog.addContent(object, { mediaType: undefined });
  const list = children.map((digest) => ({ digest, mediaType: '', sizeBytes: 1 }));
  if (children.length > 0) await catalog.setChildren(object.digest, list);
  return object.digest;
}

/** An index with two manifests, of which one is not here, and their layers. */
async function addImage() {
  const [one, two] = [await add('layer one'), await add('layer two')];
  const manifest = await add('manifest', [one, two, computeDigest('sha256', Buffer.from('not here'))]);
  const index = await add('index', [manifest, computeDigest('sha256', Buffer.from('another platform'))]);
  await catalog.setTag(place, 'latest', { digest: index, checkedMs: 0, etag: undefined });
  return { one, two, manifest, index };
}

function flip(digest: Digest): void {
  const bytes = content.objects.get(digest)?.bytes;
  bytes?.writeUInt8((bytes[0] ?? 0) ^ 1, 0);
}

const counts = () => [progress.doneObjects, progress.totalObjects, progress.damagedObjects];

describe('a verification', () => {
  test('of an image reads all of it that is here, and nothing else', async () => {
    await addImage();
    flip(await add('of another image'));
    await verifier.verifyImage(image, progress, cancel.signal);
    expect(counts()).toEqual([4, 4, 0]);
    expect(progress.doneBytes).toBe('layer one layer two manifest index'.replaceAll(' ', '').length + 2);
  });

  test('puts aside what is damaged, counts what is missing, and says how many', async () => {
    const { one, two, index } = await addImage();
    flip(one);
    content.objects.delete(two);
    await expect(verifier.verifyImage(image, progress, cancel.signal)).rejects.toThrow(
      '2 of 4 objects are damaged or missing, and out of the cache now: the next pull fetches anew',
    );
    expect(counts()).toEqual([4, 4, 2]);
    expect(content.quarantined.map(({ digest }) => digest)).toEqual([one]);
    expect([one, two, index].map((digest) => catalog.findContent(digest) !== undefined)).toEqual([false, false, true]);
  });

  test('of everything finds what belongs to no image', async () => {
    await addImage();
    flip(await add('alone'));
    await expect(verifier.verifyAll(progress, cancel.signal)).rejects.toThrow(/^1 of 5 objects is damaged/);
    expect(counts()).toEqual([5, 5, 1]);
  });

  test('of what is not here says so', async () => {
    const digest = await add('here');
    await verifier.verifyImage({ ...place, reference: { type: 'digest', digest } }, progress, cancel.signal);
    expect(counts()).toEqual([1, 1, 0]);
    await expect(verifier.verifyImage(image, progress, cancel.signal)).rejects.toThrow(
      'nothing of this image is in the cache',
    );
  });

  test('takes a disk that cannot be read as a fault, and the object for damaged', async () => {
    await add('object');
    content.failing.set('verify', Object.assign(new Error('bad place'), { code: 'EIO' }));
    await expect(verifier.verifyAll(progress, cancel.signal)).rejects.toThrow(/^1 of 1 objects is damaged/);
    expect(faults).toEqual(['verify']);
    expect(content.objects.size).toBe(0);
  });

  test('that is cancelled does not wait for a large object, nor takes it for damaged', async () => {
    await add('large');
    const reading = Promise.withResolvers<void>();
    content.verifying = reading.promise;
    const verifying = verifier.verifyAll(progress, cancel.signal);
    verifying.catch(() => {});
    await turns();
    cancel.abort();
    await expect(verifying).rejects.toThrow('aborted');
    expect([progress.doneObjects, faults]).toEqual([0, []]);
    reading.resolve();
  });

  test('rests as long as it has read, and ends when it is cancelled', async () => {
    const { index } = await addImage();
    const reading = Promise.withResolvers<void>();
    content.verifying = reading.promise;
    const verifying = verifier.verifyImage(image, progress, cancel.signal);
    await turns();
    clock.advance(1000);
    reading.resolve();
    await turns();
    expect([progress.doneObjects, clock.pending]).toEqual([1, 1]);
    clock.advance(999);
    await turns();
    expect(progress.doneObjects).toBe(1);
    clock.advance(1);
    await verifying;
    expect(progress.doneObjects).toBe(4);
    cancel.abort();
    const byDigest: ImageName = { ...place, reference: { type: 'digest', digest: index } };
    await expect(verifier.verifyImage(byDigest, progress, cancel.signal)).rejects.toThrow('aborted');
  });
});

async function turns(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
}
