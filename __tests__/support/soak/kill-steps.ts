// Finds every place where a run changes the cache's files, and kills a run at one of them, by strace.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { isAbsolute, join, relative } from 'node:path';
import { pollUntil } from '../signal.ts';

/** The moment before the `n`th such system call on this file. */
export interface KillStep {
  /** Within the cache; of a rename, the new name. */
  readonly path: string;
  /** The name before, of a rename. */
  readonly from: string | undefined;
  readonly call: string;
  /** From 1. */
  readonly n: number;
  /** How many there were when nothing was killed. */
  readonly of: number;
}

const contentCalls = ['openat', 'write', 'writev', 'pwrite64', 'fsync', 'fdatasync', 'ftruncate', 'fallocate'];
/** Of those with and without `at`, each machine has its own. */
const nameCalls = ['rename', 'unlink', 'mkdir', 'link'].flatMap((name) => [name, `${name}at`]);
/**
 * What changes files, and opening them. Before a read or a close the disk is as it was after the change before, so
 * those are left out.
 */
const calls = [...contentCalls, ...nameCalls, 'renameat2', 'rmdir'];

/**
 * strace becomes the grandchild (-D), so that the process that was spawned is the mirror. It counts calls by thread:
 * one thread for file calls, and none of them in a ring that strace cannot see, makes the count the same each time.
 */
const tracer = ['strace', '-D', '-f', '-E', 'UV_THREADPOOL_SIZE=1', '-E', 'UV_USE_IO_URING=0'];

/** The command that kills what it wraps at this step of the cache in `cachePath`. */
export function killingWrapper(cachePath: string, { path, from, call, n }: KillStep): readonly string[] {
  const inject = `inject=${call}:signal=SIGKILL:when=${n}`;
  // Of `rename` strace looks at the old name only, of `renameat` at both.
  const files = [path, from ?? path].flatMap((name) => ['-P', join(cachePath, name)]);
  return [...tracer, '-qq', '-o', '/dev/null', '-e', `trace=${call}`, ...files, '-e', inject];
}

/** Runs `run` with a wrapper that writes down its calls, and gives the steps in order of appearance. */
export async function findKillSteps(
  cachePath: string,
  run: (wrapper: readonly string[]) => Promise<void>,
): Promise<readonly KillStep[]> {
  const folder = await mkdtemp(join(tmpdir(), 'stowage-trace-'));
  const file = join(folder, 'calls');
  try {
    await run([...tracer, '-y', '-s', '0', '-o', file, '-e', `trace=${calls.map((call) => `?${call}`).join(',')}`]);
    let text = '';
    const isWhole = async (): Promise<boolean> => hasWholeTrace((text = await readFile(file, 'utf8')));
    await pollUntil(isWhole, { what: 'the trace to be written' });
    return countSteps(text, cachePath);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The tracer writes after the mirror's end; the thread that began is the last to be seen ending. */
function hasWholeTrace(text: string): boolean {
  const [pid = ''] = text.split(' ', 1);
  return new RegExp(String.raw`^${pid} +\+\+\+ exited with`, 'm').test(text);
}

function countSteps(text: string, cachePath: string): readonly KillStep[] {
  const steps: Omit<KillStep, 'of'>[] = [];
  const counts = new Map<string, number>();
  const most = new Map<string, number>();
  for (const line of text.split('\n')) {
    const [, thread = '', call = ''] = /^(\d+) +(\w+)\(/.exec(line) ?? [];
    const paths = listPaths(line, cachePath);
    const path = paths.at(-1);
    if (path === undefined || !calls.includes(call)) continue;
    const key = `${call} ${path}`;
    const n = 1 + (counts.get(`${thread} ${key}`) ?? 0);
    counts.set(`${thread} ${key}`, n);
    // Whichever thread is the first to come to the nth call has the kill.
    if (n <= (most.get(key) ?? 0)) continue;
    most.set(key, n);
    steps.push({ path, from: paths.at(-2), call, n });
  }
  return steps.map((step) => ({ ...step, of: most.get(`${step.call} ${step.path}`) ?? step.n }));
}

/** Names in quotes, and in angle brackets after a descriptor, that lie within the cache. */
function listPaths(line: string, cachePath: string): readonly string[] {
  return [...line.matchAll(/["<](\/[^">]*)[">]/g)].flatMap(([, path = '']) => {
    const within = relative(cachePath, path);
    return within === '' || within.startsWith('..') || isAbsolute(within) ? [] : [within];
  });
}

/** Of the many writes of a fill, which are alike, so many for each file, the first and the last among them. */
export function thinOut(steps: readonly KillStep[], most: number): readonly KillStep[] {
  return steps.filter(({ path, n, of }) => {
    if (of <= most || !path.endsWith('.part')) return true;
    const chosen = Array.from({ length: most }, (_, i) => 1 + Math.round((i * (of - 1)) / (most - 1)));
    return chosen.includes(n);
  });
}

/** To be read: names in place of digests. */
export function describeStep({ path, call, n, of }: KillStep, names: ReadonlyMap<string, string>): string {
  const named = path.replaceAll(/[0-9a-f]{64}/g, (hex) => names.get(hex) ?? hex.slice(0, 8));
  return `${call} ${n}/${of} of ${named}`;
}
