import { beforeEach, describe, expect, test } from '@jest/globals';
import { createInventory, type Inventory } from '../../../src/store/inventory.ts';
import { silentLog } from '../../../src/telemetry/log.ts';
import { silentMeter } from '../../../src/telemetry/metrics.ts';
import { MemoryCatalog } from '../mirror/fakes/memory-catalog.ts';
import { MemoryContentStore } from '../mirror/fakes/memory-content-store.ts';
import { bytesOf, objectOf } from './fixtures.ts';

const bytes = Buffer.from(bytesOf('small', 1000));
const object = objectOf(bytes);

describe('content in memory', () => {
  let content: MemoryContentStore;
  let catalog: MemoryCatalog;
  let inventory: Inventory;
  let opened: number;

  beforeEach(async () => {
    content = new MemoryContentStore();
    catalog = new MemoryCatalog();
    opened = 0;
    const open = content.open.bind(content);
    content.open = async (each) => {
      opened += 1;
      return await open(each);
    };
    const findLost = () => Promise.resolve(undefined);
    const parts = { content, catalog, log: silentLog, meter: silentMeter };
    inventory = createInventory({ ...parts, findLost, onOrphan: () => {} });
    content.onDamaged = (damaged) => inventory.quarantine(damaged);
    await content.put(object, bytes);
    await catalog.addContent(object, { mediaType: undefined });
  });

  function flip(): void {
    const stored = content.objects.get(object.digest)?.bytes;
    stored?.writeUInt8(stored.readUInt8(10) ^ 1, 10);
  }

  async function read(): Promise<Buffer | undefined> {
    const found = await inventory.readWhole(object);
    return found && Buffer.from(found);
  }

  test('is there after it was read once, while its row is', async () => {
    expect(inventory.recall(object.digest)).toBeUndefined();
    expect(await read()).toEqual(bytes);
    expect(inventory.recall(object.digest)).toMatchObject({ object, bytes });
    await catalog.removeContent(object.digest);
    expect(inventory.recall(object.digest)).toBeUndefined();
  });

  test('is read once for all who want it at the same time', async () => {
    const all = await Promise.all(Array.from({ length: 50 }, () => read()));
    expect(all.every((each) => each?.equals(bytes) === true)).toBe(true);
    expect(await read()).toEqual(bytes);
    expect([opened, content.openFiles.size, content.watched]).toEqual([1, 0, 1]);
  });

  test('is never what was damaged on the disk, also when its file counts as known', async () => {
    content.trusted.add(object.digest);
    flip();
    expect(await read()).toBeUndefined();
    expect(inventory.recall(object.digest)).toBeUndefined();
    expect(content.quarantined).toHaveLength(1);
    expect([content.openFiles.size, content.watched]).toEqual([0, 0]);
  });

  test('is forgotten when something happens to its file: the next pull sees what', async () => {
    await read();
    flip();
    content.touch(object.digest);
    expect(inventory.recall(object.digest)).toBeUndefined();
    expect(await read()).toBeUndefined();
    expect(content.quarantined).toHaveLength(1);
    expect(content.watched).toBe(0);
  });

  test('is not kept when something happened to its file while it was read', async () => {
    const open = content.open.bind(content);
    content.open = async (each) => {
      const reader = await open(each);
      content.touch(object.digest);
      return reader;
    };
    expect(await read()).toEqual(bytes);
    expect(inventory.recall(object.digest)).toBeUndefined();
  });

  test('is not kept where its file cannot be watched', async () => {
    content.watch = async () => await Promise.resolve(undefined);
    expect(await read()).toEqual(bytes);
    expect(inventory.recall(object.digest)).toBeUndefined();
  });

  test.each(['watch', 'open', 'read'] as const)('is not kept when %s fails, and the failure is told', async (step) => {
    content.failing.set(step, new Error('EIO'));
    await expect(inventory.readWhole(object)).rejects.toThrow('EIO');
    content.failing.clear();
    expect(inventory.recall(object.digest)).toBeUndefined();
    expect([content.openFiles.size, content.watched]).toEqual([0, 0]);
    expect(await read()).toEqual(bytes);
  });

  test('is not what is too large for it', async () => {
    expect(inventory.remembers(256 * 1024)).toBe(true);
    expect(inventory.remembers(256 * 1024 + 1)).toBe(false);
    const large = Buffer.from(bytesOf('large', 256 * 1024 + 1));
    await content.put(objectOf(large), large);
    await catalog.addContent(objectOf(large), { mediaType: undefined });
    expect(Buffer.from((await inventory.readWhole(objectOf(large))) ?? [])).toEqual(large);
    expect(inventory.recall(objectOf(large).digest)).toBeUndefined();
  });

  test('is bounded: what was used least lately makes room, and its file is not watched any more', async () => {
    const others = Array.from({ length: 140 }, (_, index) => Buffer.from(bytesOf(`other ${index}`, 256 * 1024)));
    await read();
    for (const other of others) {
      await content.put(objectOf(other), other);
      await catalog.addContent(objectOf(other), { mediaType: undefined });
      await inventory.readWhole(objectOf(other));
    }
    expect(inventory.recall(object.digest)).toBeUndefined();
    expect(content.watched).toBeLessThanOrEqual(128);
    expect(content.watched).toBeGreaterThan(100);
    await inventory.close();
    expect(content.watched).toBe(0);
  });
});
