/** Room on the file system, as of the last look. */
export interface DiskRoom {
  /** Beyond what must stay free; negative when others have taken it, Infinity before the first look. */
  readonly spareBytes: number;
  readonly totalBytes: number;
  /** Whether it is files that there is no room for, whatever their size. */
  readonly isOutOfFiles: boolean;
  /** Asks the file system again. Rejects with what it says. */
  look(): Promise<void>;
}

export interface DiskFacts {
  readonly freeBytes: number;
  readonly totalBytes: number;
  /** Infinity where the file system has no limit. */
  readonly freeFiles: number;
}

/** A fill takes a file, a journal and perhaps a directory. */
const fewFiles = 4;
/** `minFree` is meant for disks; of a small one it must not ask for more than there is. */
const maxFreeShare = 0.1;

/** `minFreeBytes` is left for others whatever the quota says; looked at each time, since it may change. */
export function createDiskRoom(options: {
  readonly minFreeBytes: number;
  readonly readDisk: () => Promise<DiskFacts>;
}): DiskRoom {
  let spareBytes = Infinity;
  let total = Infinity;
  let isOutOfFiles = false;
  return {
    get spareBytes() {
      return spareBytes;
    },
    get totalBytes() {
      return total;
    },
    get isOutOfFiles() {
      return isOutOfFiles;
    },
    async look() {
      const { freeBytes, totalBytes, freeFiles } = await options.readDisk();
      isOutOfFiles = freeFiles < fewFiles;
      total = totalBytes;
      spareBytes = freeBytes - Math.min(options.minFreeBytes, Math.floor(totalBytes * maxFreeShare));
    },
  };
}
