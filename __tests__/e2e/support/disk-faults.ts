// Disks that fail: small ones, broken ones, and system calls of a running mirror that end as a test wants.
import { afterEach } from '@jest/globals';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import process from 'node:process';
import { pollUntil } from '../../support/signal.ts';
import { getTool, run, toolPath } from './tools.ts';

/** A fault in chosen system calls, while it lasts. */
export interface CallFault {
  /** Names as strace knows them: `pwrite64`, `fsync`, `rename`, `openat`, … */
  readonly calls: readonly string[];
  /** `error=EIO`, `delay_enter=2000000` (microseconds), … */
  readonly effect: string;
  /** Only calls on these paths, or on descriptors of these files. Default: all. */
  readonly paths?: readonly string[];
}

export interface DiskFaults {
  /** A directory on the ordinary disk, for mount points and caches. */
  directory(): Promise<string>;
  /** A file system in memory, mounted; gives its root. */
  tmpfs(options: { readonly sizeMb: number; readonly at?: string }): Promise<string>;
  /** An ext4 in a file, mounted; an error of its own turns it read-only. */
  ext4(options: { readonly sizeMb: number; readonly inodes: number }): Promise<Ext4>;
  /** From now on these calls of the process end so; the result lets it go on as before. */
  inject(pid: number, fault: CallFault): Promise<() => Promise<void>>;
}

export interface Ext4 {
  readonly path: string;
  /** The kernel finds damage: from now on it is read-only. */
  fail(): Promise<void>;
}

/** What these tests run. */
export const diskTools = ['strace', 'mkfs.ext4', 'mount', 'umount', 'prlimit', 'unshare'] as const;

/** Registers the end of every test of this file. Call it after `setStage`: mirrors end before their disks do. */
export function setDiskFaults(): DiskFaults {
  const ends: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const end of ends.splice(0).toReversed()) await end();
  });
  const directory = async (): Promise<string> => {
    const path = await mkdtemp(join(tmpdir(), 'stowage-disk-'));
    ends.push(() => rm(path, { recursive: true, force: true }));
    return path;
  };
  const mount = async (args: readonly string[], path: string): Promise<void> => {
    await run('mount', [...args, path]);
    // Lazily: a process that a failed test has left must not keep the mount for ever.
    ends.push(() => run('umount', ['--lazy', path]));
  };
  return {
    directory,
    async tmpfs({ sizeMb, at }) {
      const path = at ?? (await directory());
      await mkdir(path, { recursive: true });
      await mount(['-t', 'tmpfs', '-o', `size=${sizeMb}m`, 'tmpfs'], path);
      return path;
    },
    async ext4({ sizeMb, inodes }) {
      const base = await directory();
      const [image, path] = [join(base, 'image'), join(base, 'mounted')];
      await mkdir(path);
      await writeFile(image, '');
      await run('mkfs.ext4', ['-q', '-N', String(inodes), image, `${sizeMb}M`]);
      await mount(['-o', 'loop,errors=remount-ro', image], path);
      return { path, fail: () => failExt4(path) };
    },
    async inject(pid, fault) {
      const stop = await inject(pid, fault);
      ends.push(stop);
      return stop;
    },
  };
}

async function failExt4(path: string): Promise<void> {
  const mounts = (await readFile('/proc/self/mounts', 'utf8')).split('\n').map((line) => line.split(' '));
  const [device = ''] = mounts.find(([, mountPoint]) => mountPoint === path) ?? [];
  await writeFile(`/sys/fs/ext4/${basename(device)}/trigger_fs_error`, '1');
}

async function inject(pid: number, { calls, effect, paths = [] }: CallFault): Promise<() => Promise<void>> {
  const names = calls.join(',');
  const args = ['-f', '-p', String(pid), '-o', '/dev/null', '-e', `trace=${names}`, '-e', `inject=${names}:${effect}`];
  const strace = spawn(getTool('strace'), [...args, ...paths.flatMap((path) => ['-P', path])], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, PATH: toolPath },
  });
  let output = '';
  strace.stderr.on('data', (bytes: Buffer) => (output += bytes.toString()));
  const ended = once(strace, 'exit');
  const hasEnded = (): boolean => strace.exitCode !== null || strace.signalCode !== null;
  await pollUntil(
    () => {
      if (hasEnded()) throw new Error(`strace ended at once:\n${output}`);
      return output.includes(' attached');
    },
    { what: 'strace to be attached' },
  );
  return async () => {
    if (!hasEnded()) strace.kill('SIGTERM');
    await ended;
  };
}
