// The built service as a child process, as an operator runs it.
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findFreePort } from './free-port.ts';
import { formatMirrorConfig } from './mirror-config.ts';
import { pull } from './raw-client.ts';
import { createSignal, pollUntil } from './signal.ts';

export interface MirrorProcessOptions {
  readonly upstreams: readonly object[];
  /** Further top-level keys of the configuration. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** Looked at again at each start. */
  readonly env?: Readonly<Record<string, string>>;
  /** How long a start may take; default: as long as any wait. */
  readonly readyWithinMs?: number;
  /** The program; default: `STOWAGE_MAIN`, else the built `main.js` nearest to this file. */
  readonly main?: string;
  /** A command that runs the program as its own process (`prlimit …`), before the program's words. */
  readonly under?: readonly string[];
  /** What pulls log in with, `NAME:PASSWORD`: it is in `address`. */
  readonly login?: string;
}

/** The owner must `close` it: that ends the process and deletes its cache. */
export interface MirrorProcess {
  readonly address: string;
  readonly adminAddress: string;
  readonly cachePath: string;
  readonly configFile: string;
  /** The text of a configuration that differs from the first one only in these. */
  formatConfig(changed: Pick<MirrorProcessOptions, 'config'> & { readonly upstreams?: readonly object[] }): string;
  readonly pid: number;
  /** What it wrote to stdout and stderr, over all starts. */
  readonly output: string;
  /** Resolves when `output` holds this; it may come after what a client sees. @throws Error when it does not in time */
  untilLogged(text: string | RegExp): Promise<void>;
  readonly isRunning: boolean;
  /**
   * Starts it again with the same ports and cache. It must not be running. `wrapper` is a command that becomes
   * the mirror, so that the pid stays: what goes before the program on its command line.
   * @throws Error when it ends before it is ready
   */
  start(wrapper?: readonly string[]): Promise<void>;
  /** kill -9, and waits for the end. */
  kill(): Promise<void>;
  /** Sends a signal without waiting. */
  signal(name: NodeJS.Signals): void;
  /** SIGTERM; gives the exit status. */
  terminate(): Promise<number | null>;
  /** The exit status of the running or last process, when it ends. */
  readonly exited: Promise<number | null>;
  /** Resident memory in bytes. */
  residentBytes(): number;
  /** What its open descriptors point at. */
  descriptors(): readonly string[];
  close(): Promise<void>;
}

/** Starts a mirror on free ports with a cache of its own, and waits until it is ready. */
export async function startMirrorProcess(options: MirrorProcessOptions): Promise<MirrorProcess> {
  const directory = await mkdtemp(join(tmpdir(), 'stowage-test-'));
  const [mirrorPort, adminPort] = [await findFreePort(), await findFreePort()];
  const configFile = join(directory, 'mirror.config.yaml');
  const more = options.config ?? {};
  const { path: cachePath = join(directory, 'cache') } = (more['cache'] ?? {}) as { path?: string };
  const formatConfig: MirrorProcess['formatConfig'] = ({ upstreams = options.upstreams, config = {} }) =>
    formatMirrorConfig({ mirrorPort, adminPort, cachePath, upstreams, more: { ...more, ...config } });
  await writeFile(configFile, formatConfig({}));
  const scheme = (section: unknown): string => ((section as { tls?: unknown } | undefined)?.tls ? 'https' : 'http');
  const login = options.login === undefined ? '' : `${options.login}@`;
  const address = `${scheme(more)}://${login}127.0.0.1:${mirrorPort}`;
  const adminAddress = `${scheme(more['admin'])}://127.0.0.1:${adminPort}`;
  let output = '';
  const written = createSignal();
  let child: ChildProcess | undefined;
  let exited = Promise.resolve<number | null>(null);
  let isRunning = false;

  const start = async (wrapper: readonly string[] = options.under ?? []): Promise<void> => {
    const words = [...wrapper, process.execPath, options.main ?? findMain(), 'serve', '--config', configFile];
    const [program = process.execPath, ...args] = words;
    const started = spawn(program, args, {
      cwd: directory,
      env: { PATH: process.env['PATH'], HOME: directory, ...options.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    child = started;
    for (const stream of [started.stdout, started.stderr]) {
      stream.on('data', (bytes: Buffer) => {
        output += bytes.toString();
        written.raise();
      });
    }
    let hasEnded = false;
    isRunning = true;
    exited = new Promise((resolve) => {
      started.once('exit', (code) => {
        hasEnded = true;
        isRunning = false;
        resolve(code);
      });
    });
    await pollUntil(
      async () => {
        if (hasEnded) throw new Error(`the mirror ended at once, with status ${await exited}:\n${output}`);
        // 401: it listens, and asks for a login.
        const isListening = async () => [200, 401].includes((await pull(address, '/v2/')).status);
        return (await pull(adminAddress, '/readyz')).status === 200 && (await isListening());
      },
      {
        what: 'the mirror to be ready',
        ...(options.readyWithinMs !== undefined && { deadlineMs: options.readyWithinMs }),
      },
    );
  };
  const end = async (name: NodeJS.Signals): Promise<number | null> => {
    child?.kill(name);
    return exited;
  };
  const mirror: MirrorProcess = {
    address,
    adminAddress,
    cachePath,
    configFile,
    formatConfig,
    get pid() {
      return child?.pid ?? 0;
    },
    get output() {
      return output;
    },
    untilLogged: async (text) =>
      await written
        .until(() => (typeof text === 'string' ? output.includes(text) : text.test(output)))
        .catch((cause: unknown) => {
          throw new Error(`the mirror does not log ${text}:\n${output}`, { cause });
        }),
    get exited() {
      return exited;
    },
    get isRunning() {
      return isRunning;
    },
    start,
    kill: async () => void (await end('SIGKILL')),
    signal: (name) => void child?.kill(name),
    terminate: () => end('SIGTERM'),
    residentBytes: () => readResidentBytes(mirror.pid),
    descriptors: () => listDescriptors(mirror.pid),
    async close() {
      await end('SIGKILL');
      await rm(directory, { recursive: true, force: true });
    },
  };
  try {
    await start();
  } catch (error) {
    await mirror.close();
    throw error;
  }
  return mirror;
}

/** Beside compiled tests lies compiled source; the sources themselves use the build in `dist`. */
export function findMain(): string {
  const named = process.env['STOWAGE_MAIN'];
  if (named !== undefined) return named;
  const besides = fileURLToPath(new URL('../../src/main.js', import.meta.url));
  return existsSync(besides) ? besides : fileURLToPath(new URL('../../dist/main.js', import.meta.url));
}

/** Resident memory of a process, from /proc. */
export function readResidentBytes(pid: number): number {
  const [, kilobytes = '0'] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kilobytes) * 1024;
}

/** What the open descriptors of a process point at; those that close meanwhile are left out. */
export function listDescriptors(pid: number | 'self'): readonly string[] {
  return readdirSync(`/proc/${pid}/fd`).flatMap((name) => {
    try {
      return [readlinkSync(`/proc/${pid}/fd/${name}`)];
    } catch {
      return [];
    }
  });
}
