import { expect, test } from '@jest/globals';
import { createDiskRoom } from '../../../src/store/disk-room.ts';

function roomOf(minFreeBytes: number, disk: { freeBytes: number; totalBytes: number }) {
  return createDiskRoom({
    minFreeBytes,
    readDisk: async () => await Promise.resolve({ freeFiles: Infinity, ...disk }),
  });
}

test('before the first look there is room for everything', () => {
  const room = roomOf(100, { freeBytes: 0, totalBytes: 1000 });
  expect([room.spareBytes, room.totalBytes]).toEqual([Infinity, Infinity]);
});

test.each([
  ['what is free beyond what must stay free', 100, 700, 10_000, 600],
  ['less than nothing when others have taken it', 100, 40, 10_000, -60],
  ['all that is free when nothing must stay free', 0, 700, 10_000, 700],
  ['of a small disk what is free beyond a tenth', 5000, 700, 10_005, -300],
  ['of a disk of ten times as much what is free beyond the tenth', 1000, 1000, 10_000, 0],
])('spare is %s', async (_what, minFreeBytes, freeBytes, totalBytes, expected) => {
  const room = roomOf(minFreeBytes, { freeBytes, totalBytes });
  await room.look();
  expect([room.spareBytes, room.totalBytes]).toEqual([expected, totalBytes]);
});

test('what it says is as of the last look, also when the last one failed', async () => {
  const disk = { freeBytes: 500, totalBytes: 10_000, freeFiles: Infinity };
  let failure: Error | undefined;
  const readDisk = async () => {
    if (failure !== undefined) throw failure;
    return await Promise.resolve({ ...disk });
  };
  const room = createDiskRoom({ minFreeBytes: 100, readDisk });
  await room.look();
  disk.freeBytes = 300;
  expect(room.spareBytes).toBe(400);
  failure = new Error('EIO');
  await expect(room.look()).rejects.toThrow('EIO');
  expect(room.spareBytes).toBe(400);
  failure = undefined;
  await room.look();
  expect(room.spareBytes).toBe(200);
});

test.each([
  [3, true],
  [4, false],
  [Infinity, false],
])('with room for %s more files it is out of files: %s', async (freeFiles, expected) => {
  const disk = { freeBytes: 500, totalBytes: 10_000, freeFiles };
  const room = createDiskRoom({ minFreeBytes: 0, readDisk: async () => await Promise.resolve(disk) });
  expect(room.isOutOfFiles).toBe(false);
  await room.look();
  expect(room.isOutOfFiles).toBe(expected);
});
