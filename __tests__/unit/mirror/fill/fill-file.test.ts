import { beforeEach, expect, test } from '@jest/globals';
import type { FillContext } from '../../../../src/mirror/fill/fill-context.ts';
import { FillFile } from '../../../../src/mirror/fill/fill-file.ts';
import { HeldMemory } from '../../../../src/mirror/fill/held-memory.ts';
import { Segments } from '../../../../src/mirror/fill/segments.ts';
import { computeDigest } from '../../../../src/oci/digest.ts';
import { createManualClock } from '../../http/manual-clock.ts';
import { MemoryContentStore } from '../fakes/memory-content-store.ts';

const bytes = Buffer.alloc(1000, 'a');
const digest = computeDigest('sha256', bytes);
let content: MemoryContentStore;

beforeEach(() => {
  content = new MemoryContentStore();
});

async function openKnownSmall(heldMemory = new HeldMemory(bytes.length)): Promise<FillFile> {
  const context: Partial<FillContext> = {
    content,
    heldMemory,
    clock: createManualClock(),
    space: { fits: () => true, reserve: () => () => {}, makeRoom: async () => false },
    onStoreError: (operation, error) => {
      throw new Error(`the store failed to ${operation}`, { cause: error });
    },
  };
  const segments = new Segments();
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what a file needs of it
  return await FillFile.open({ digest, segments, sizeHintBytes: bytes.length, context: context as FillContext });
}

test.each(['discard', 'keep'] as const)('bytes that come after the %s begin no file', async (end) => {
  const file = await openKnownSmall();
  await file[end]();
  await expect(file.write(0, bytes)).rejects.toThrow('the fill has let go of its file');
  file.close();
  expect(content.openFiles.size).toBe(0);
});

test('an object that is known to be small has a file at once when too much waits in memory already', async () => {
  const heldMemory = new HeldMemory(bytes.length);
  heldMemory.take(1);
  const file = await openKnownSmall(heldMemory);
  expect(content.openFiles.size).toBe(1);
  await file.discard();
  file.close();
});
