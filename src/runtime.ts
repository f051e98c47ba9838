// Runtime: the Node that Stowage runs on. Loaded before everything else, by whatever Node the machine has,
// so it may import built-in modules only, and know nothing of the program it makes room for.
import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { Socket } from 'node:net';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { setFlagsFromString } from 'node:v8';

/** What undici 8 and `node:sqlite` need; Stowage is built and tested on the version in `optionalDependencies`. */
const oldest = { major: 22, minor: 20 } as const;

/** With libuv's four threads, four fsyncs at once stop every other file call and every name look-up. */
const threadPoolSize = '32';

/**
 * A nursery of 4 MiB in place of 16: garbage of requests fills whatever it is given before it is collected, and memory
 * that grows with the number of requests is what mirrors beside small containers cannot have. Read at the start only.
 */
const nurseryFlag = '--max-semi-space-size';
/** As above: thousands of clients leave 50 MB of garbage a second, and V8 would let it grow to three times what is in use. */
const heapGrowth = '--heap-growing-percent=30';
const flags: readonly string[] = [`${nurseryFlag}=4`, heapGrowth];

/**
 * Functions are compiled well after 20 calls in place of 400, and learn what they are called with from the first on. Every
 * layer runs through the same code, and a mirror that has just started would spend its first ten images in slow code:
 * a pull of 40 small layers takes a seventh less, and a quarter less processor. Either alone brings nothing.
 */
const learningFlags = ['--invocation-count-for-maglev=20', '--no-lazy-feedback-allocation'] as const;

/** As above: glibc keeps freed memory for each thread of the pool, unless it is told to share. */
const environment = { UV_THREADPOOL_SIZE: threadPoolSize, MALLOC_ARENA_MAX: '2' } as const;

/** What is meant for the program although the parent gets it: to end, and, SIGHUP, to read its configuration anew. */
const passedSignals = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;

/** Names the descriptor of the pipe that ties the program to the older Node which started it. */
const lifelineVariable = 'STOWAGE_LIFELINE';
const lifelineFd = 3;

/** Starts the program again under the given Node; ends with that process's exit status. */
export type Restart = (nodePath: string) => Promise<number>;

/** Makes this process the given one, arguments and all; comes back only where that is not possible. */
export type Become = (nodePath: string, args: readonly string[]) => void;

export interface RuntimeOptions {
  /** `process.versions.node` unless given. */
  readonly version?: string;
  /** Finds a newer Node; looks into the npm packages `node-linux-*` unless given. */
  readonly findNode?: () => string | undefined;
  readonly restart?: Restart;
  /** `process.execve` unless given. */
  readonly become?: Become;
  /** `process.execArgv` unless given. */
  readonly execArgv?: readonly string[];
  readonly writeError?: (line: string) => void;
}

/**
 * True when this process is fit to run the program; `main` then loads the rest with `await import(…)`, because an
 * older Node fails on the static imports already. Otherwise the program has run in a child process, or no Node was
 * found that can run it; `process.exitCode` is set (2 for no Node) and the caller returns.
 * A Node without our flags and environment becomes one that has them, in the same process: some 40 ms.
 */
export async function ensureRuntime(options: RuntimeOptions = {}): Promise<boolean> {
  for (const [name, value] of Object.entries(environment)) process.env[name] ??= value;
  const version = options.version ?? process.versions.node;
  if (isRecentEnough(version)) {
    const execArgv = options.execArgv ?? process.execArgv;
    if (!hasFlags(execArgv)) (options.become ?? become)(process.execPath, [...flags, ...execArgv]);
    dieWithParent();
    return true;
  }
  const writeError = options.writeError ?? ((line: string) => process.stderr.write(`${line}\n`));
  const nodePath = (options.findNode ?? findPackagedNode)();
  if (nodePath === undefined) {
    writeError(
      `stowage needs Node ${oldest.major}.${oldest.minor} or newer; this is ${version}. ` +
        'On Linux, `npm ci` without --omit=optional installs one beside it.',
    );
    process.exitCode = 2;
    return false;
  }
  process.exitCode = await (options.restart ?? restartUnder)(nodePath);
  return false;
}

/**
 * Call it when the program is loaded and before it serves. Not on the command line: what is learnt from the start itself
 * fits no request, and cached manifests would come a tenth slower for good.
 */
export function learnFast(setFlag: (flag: string) => void = setFlagsFromString): void {
  for (const flag of learningFlags) setFlag(flag);
}

/** True for a Node version, such as `26.10.0`, that the program runs on. */
export function isRecentEnough(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major > oldest.major || (major === oldest.major && minor >= oldest.minor);
}

/** An operator's own choice, wherever it is made, counts as ours; so does Node's, where the process cannot be replaced. */
function hasFlags(execArgv: readonly string[]): boolean {
  const given = [...execArgv, process.env['NODE_OPTIONS'] ?? ''];
  return given.some((text) => text.includes(nurseryFlag));
}

function become(nodePath: string, args: readonly string[]): void {
  process.execve?.(nodePath, [nodePath, ...args, ...process.argv.slice(1)], process.env);
}

/** Path of the Node that npm installed for this machine, sought from this file upward; undefined without one. */
function findPackagedNode(): string | undefined {
  const require = createRequire(import.meta.url);
  try {
    return join(dirname(require.resolve(`node-${process.platform}-${process.arch}/package.json`)), 'bin', 'node');
  } catch {
    return undefined;
  }
}

/** The same arguments under another Node. Signals reach the child, its end becomes ours. */
async function restartUnder(nodePath: string): Promise<number> {
  const child = spawn(nodePath, [...flags, ...process.execArgv, ...process.argv.slice(1)], {
    stdio: ['inherit', 'inherit', 'inherit', 'pipe'],
    env: { ...process.env, [lifelineVariable]: String(lifelineFd) },
  });
  const forward = (signal: NodeJS.Signals): void => {
    // It came to the child too. Sent on, it would be the second one there, which ends the program at once.
    if (!isFromTerminal(signal)) child.kill(signal);
  };
  for (const signal of passedSignals) process.on(signal, forward);
  try {
    const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', (exitCode, exitSignal) => {
        resolve([exitCode, exitSignal]);
      });
    });
    if (signal === null) return code ?? 1;
    for (const name of passedSignals) process.off(name, forward);
    // Die of the same signal, so that a shell or supervisor sees what happened; SIGKILL and the like work too.
    process.kill(process.pid, signal);
    return 1;
  } finally {
    for (const signal of passedSignals) process.off(signal, forward);
  }
}

/**
 * Whoever kills the process that it started with -9 means the mirror, which holds the port and the cache: the pipe
 * between the two closes with the older Node's end, however that comes about.
 */
function dieWithParent(): void {
  if (process.env[lifelineVariable] !== String(lifelineFd)) return;
  Reflect.deleteProperty(process.env, lifelineVariable);
  const lifeline = new Socket({ fd: lifelineFd, readable: true, writable: false });
  lifeline.once('end', die).once('error', die).resume().unref();
}

/** As abruptly as the parent did. */
function die(): void {
  process.kill(process.pid, 'SIGKILL');
}

/** A SIGHUP may come from anybody; two of them do no harm. */
function isFromTerminal(signal: NodeJS.Signals): boolean {
  return process.stdin.isTTY && signal === 'SIGINT';
}
