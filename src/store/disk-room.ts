/** Room on the file system, as of the last look. */
export interface DiskRoom {
  /** Beyond what must stay free; negative when others have taken it, Infinity before the first look. */
  readonly spareBytes: number;
  readonly totalBytes: number;
  /** Asks the file system again. Rejects with what it says. */
  look(): Promise<void>;
}

/** `minFree` is meant for disks; of a small one it must not ask for more than there is. */
const maxFreeShare = 0.1;

/** `minFreeBytes` is left for others whatever the quota says. */
export function createDiskRoom(options: {
  readonly minFreeBytes: number;
  readonly readDisk: () => Promise<{ readonly freeBytes: number; readonly totalBytes: number }>;
}): DiskRoom {
  let spareBytes = Infinity;
  let total = Infinity;
  return {
    get spareBytes() {
      return spareBytes;
    },
    get totalBytes() {
      return total;
    },
    async look() {
      const { freeBytes, totalBytes } = await options.readDisk();
      total = totalBytes;
      spareBytes = freeBytes - Math.min(options.minFreeBytes, Math.floor(totalBytes * maxFreeShare));
    },
  };
}
