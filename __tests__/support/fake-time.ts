// A wall clock of its own for one process: libfaketime, which Debian has. What measures time goes on as it is.
import { existsSync, renameSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface FakeTime {
  /** For the process whose clock it is. */
  readonly env: Readonly<Record<string, string>>;
  /** From now on its wall clock shows this; milliseconds since 1970. */
  setWall(wallMs: number): void;
  /** From now on it is right again. */
  reset(): void;
  close(): Promise<void>;
}

const architectures: Readonly<Record<string, string>> = { x64: 'x86_64', arm64: 'aarch64' };

/** The library, or undefined where it is not installed. */
export function findFakeTimeLibrary(): string | undefined {
  const path = `/usr/lib/${architectures[process.arch] ?? ''}-linux-gnu/faketime/libfaketime.so.1`;
  return existsSync(path) ? path : undefined;
}

/** A clock that is right at first. The owner must `close` it after the process has ended. */
export async function createFakeTime(): Promise<FakeTime> {
  const library = findFakeTimeLibrary();
  if (library === undefined) throw new Error('libfaketime is not installed');
  const directory = await mkdtemp(join(tmpdir(), 'stowage-time-'));
  const file = join(directory, 'offset');
  // In one step: the process reads it each time it looks at its clock.
  const write = (offsetS: number): void => {
    writeFileSync(`${file}.new`, `${offsetS < 0 ? '-' : '+'}${Math.abs(offsetS)}\n`);
    renameSync(`${file}.new`, file);
  };
  write(0);
  return {
    env: {
      LD_PRELOAD: library,
      FAKETIME_TIMESTAMP_FILE: file,
      FAKETIME_NO_CACHE: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
      FAKETIME_DISABLE_SHM: '1',
      NO_FAKE_STAT: '1',
    },
    setWall: (wallMs) => write(Math.round((wallMs - Date.now()) / 1000)),
    reset: () => write(0),
    close: async () => await rm(directory, { recursive: true, force: true }),
  };
}
