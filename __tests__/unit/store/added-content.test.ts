import { beforeEach, describe, expect, test } from '@jest/globals';
import { createInventory, type Inventory } from '../../../src/store/inventory.ts';
import { silentLog } from '../../../src/telemetry/log.ts';
import { silentMeter } from '../../../src/telemetry/metrics.ts';
import { MemoryCatalog } from '../mirror/fakes/memory-catalog.ts';
import { MemoryContentStore } from '../mirror/fakes/memory-content-store.ts';
import { bytesOf, objectOf } from './fixtures.ts';

const bytes = Buffer.from(bytesOf('manifest', 1000));
const object = objectOf(bytes);
const mediaType = 'application/vnd.oci.image.manifest.v1+json';

describe('content that is added', () => {
  let content: MemoryContentStore;
  let catalog: MemoryCatalog;
  let inventory: Inventory;
  let damages: string[];
  let orphans: number;
  let disk: PromiseWithResolvers<void>;

  beforeEach(() => {
    content = new MemoryContentStore();
    catalog = new MemoryCatalog();
    damages = [];
    orphans = 0;
    disk = Promise.withResolvers();
    const findLost = () => Promise.resolve(undefined);
    const meter = { ...silentMeter, damaged: (how: string) => void damages.push(how) };
    inventory = createInventory({ content, catalog, log: silentLog, meter, findLost, onOrphan: () => (orphans += 1) });
  });

  async function add(): Promise<void> {
    await inventory.add({ object, mediaType, bytes }, async () => {
      await disk.promise;
      await content.put(object, bytes);
    });
  }

  test('is found, read and recalled before it is on file, and as the same afterwards', async () => {
    const added = add();
    expect(await inventory.find(object.digest)).toMatchObject({ ...object, mediaType });
    expect(inventory.recall(object.digest)).toMatchObject({ object: { ...object, mediaType }, bytes });
    expect(await inventory.readWhole(object)).toEqual(bytes);
    disk.resolve();
    await added;
    expect(inventory.recall(object.digest)).toBeUndefined();
    expect(await inventory.readWhole(object)).toEqual(bytes);
    expect(inventory.recall(object.digest)).toMatchObject({ bytes });
  });

  test('is opened before it is on file, since a disk that hangs must not stop who reads', async () => {
    const added = add();
    const reader = await inventory.open(object);
    expect(reader).toMatchObject({ sizeBytes: bytes.length, isTrusted: true });
    expect(await reader?.verify({ isAnew: true })).toBe(true);
    const into = Buffer.alloc(300);
    const runs: Buffer[] = [];
    for (let at = 0, count = 0; (count = (await reader?.read(at, into)) ?? 0) > 0; at += count) {
      runs.push(Buffer.from(into.subarray(0, count)));
    }
    expect(Buffer.concat(runs)).toEqual(bytes);
    reader?.close();
    disk.resolve();
    await added;
    expect(damages).toEqual([]);
  });

  test('can be waited for, whatever becomes of it', async () => {
    await inventory.whenAdded(object.digest);
    for (const end of [() => disk.resolve(), () => disk.reject(new Error('EIO'))]) {
      disk = Promise.withResolvers();
      const added = add().catch(() => undefined);
      expect(inventory.isArriving(object.digest)).toBe(true);
      const waited = inventory.whenAdded(object.digest);
      end();
      await waited;
      expect(inventory.isArriving(object.digest)).toBe(false);
      await added;
    }
  });

  test('is not here at all when the disk refuses it', async () => {
    const added = add();
    disk.reject(new Error('EROFS'));
    await expect(added).rejects.toThrow('EROFS');
    expect(await inventory.find(object.digest)).toBeUndefined();
    expect(inventory.recall(object.digest)).toBeUndefined();
    expect(damages).toEqual([]);
  });

  test('stays away when it is removed before it is on file', async () => {
    const added = add();
    void catalog.removeContent(object.digest);
    disk.resolve();
    await added;
    expect(await inventory.find(object.digest)).toBeUndefined();
    expect(content.objects.size).toBe(0);
  });

  test('that was removed before it is on file, and cannot be deleted then, makes the next start compare', async () => {
    const added = add();
    void catalog.removeContent(object.digest);
    content.failing.set('remove', new Error('EROFS'));
    disk.resolve();
    await expect(added).rejects.toThrow('EROFS');
    expect(orphans).toBe(1);
  });

  test('that came again is not taken away by the failure of its first coming', async () => {
    const added = add();
    const first = disk;
    disk = Promise.withResolvers();
    const again = add();
    first.reject(new Error('EIO'));
    await expect(added).rejects.toThrow('EIO');
    expect(await inventory.readWhole(object)).toEqual(bytes);
    disk.resolve();
    await again;
    expect(await inventory.find(object.digest)).toMatchObject(object);
  });

  test('is waited for at the end, whatever becomes of it', async () => {
    const added = add().catch((error: unknown) => error);
    let isClosed = false;
    const closed = inventory.close().then(() => (isClosed = true));
    await new Promise((resolve) => setImmediate(resolve));
    expect(isClosed).toBe(false);
    disk.reject(new Error('EIO'));
    await closed;
    expect(await added).toMatchObject({ message: 'EIO' });
  });
});
