import { beforeEach, describe, expect, test } from '@jest/globals';
import { createInventory, type Inventory } from '../../../src/store/inventory.ts';
import { silentLog } from '../../../src/telemetry/log.ts';
import { silentMeter } from '../../../src/telemetry/metrics.ts';
import { createManualClock, type ManualClock } from '../http/manual-clock.ts';
import { MemoryCatalog } from '../mirror/fakes/memory-catalog.ts';
import { MemoryContentStore } from '../mirror/fakes/memory-content-store.ts';
import { bytesOf, objectOf } from './fixtures.ts';

const bytes = Buffer.from(bytesOf('small', 1000));
const object = objectOf(bytes);
const manifestType = 'application/vnd.oci.image.manifest.v1+json';

describe('content in memory', () => {
  let clock: ManualClock;
  let content: MemoryContentStore;
  let catalog: MemoryCatalog;
  let inventory: Inventory;

  beforeEach(() => {
    clock = createManualClock();
    content = new MemoryContentStore();
    catalog = new MemoryCatalog();
    const findLost = () => Promise.resolve(undefined);
    inventory = createInventory({
      content,
      catalog,
      clock,
      log: silentLog,
      meter: silentMeter,
      findLost,
      onOrphan: () => {},
    });
    content.onDamaged = (damaged) => inventory.quarantine(damaged);
  });

  async function keep(mediaType?: string): Promise<void> {
    await content.put(object, bytes);
    await catalog.addContent(object, { mediaType });
  }

  async function lookAtFiles(): Promise<void> {
    clock.advance(250);
    for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  }

  function flip(): void {
    const stored = content.objects.get(object.digest)?.bytes;
    stored?.writeUInt8(stored.readUInt8(10) ^ 1, 10);
    content.trusted.clear();
  }

  test('is there after it was read once, while its row is', async () => {
    await keep();
    expect(inventory.recall(object.digest)).toBeUndefined();
    expect(Buffer.from((await inventory.readWhole(object)) ?? [])).toEqual(bytes);
    expect(inventory.recall(object.digest)).toMatchObject({ object, bytes });
    await catalog.removeContent(object.digest);
    expect(inventory.recall(object.digest)).toBeUndefined();
  });

  test('is never what was damaged on the disk', async () => {
    await keep();
    flip();
    expect(await inventory.readWhole(object)).toBeUndefined();
    expect(inventory.recall(object.digest)).toBeUndefined();
    expect(content.quarantined).toHaveLength(1);
  });

  test('is not what is too large for it', async () => {
    expect(inventory.remembers(256 * 1024)).toBe(true);
    expect(inventory.remembers(256 * 1024 + 1)).toBe(false);
    inventory.remember(object.digest, Buffer.alloc(256 * 1024 + 1));
    await catalog.addContent(object, { mediaType: undefined });
    expect(inventory.recall(object.digest)).toBeUndefined();
  });

  test.each([
    ['is gone', () => content.objects.clear()],
    ['has changed', flip],
  ])('restores the file of a blob that %s, soon after the blob was used', async (_what, damage) => {
    await keep();
    await inventory.readWhole(object);
    damage();
    expect(inventory.recall(object.digest)).toMatchObject({ bytes });
    await lookAtFiles();
    expect(content.objects.get(object.digest)?.bytes).toEqual(bytes);
    expect(catalog.findStored(object.digest)).toMatchObject(object);
    expect([content.openFiles.size, clock.pending]).toEqual([0, 0]);
  });

  test('lets go of a manifest whose file is gone: the next pull fetches it', async () => {
    await keep(manifestType);
    await inventory.readWhole(object);
    content.objects.clear();
    expect(inventory.recall(object.digest)).toMatchObject({ bytes });
    await lookAtFiles();
    expect(inventory.recall(object.digest)).toBeUndefined();
  });

  test('stays in use while the disk cannot be read', async () => {
    await keep();
    await inventory.readWhole(object);
    content.failing.set('open', new Error('EIO'));
    expect(inventory.recall(object.digest)).toMatchObject({ bytes });
    await lookAtFiles();
    expect(inventory.recall(object.digest)).toMatchObject({ bytes });
    await inventory.close();
    expect(clock.pending).toBe(0);
  });
});
