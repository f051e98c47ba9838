import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import process from 'node:process';
import { setTimeout as delay } from 'node:timers/promises';
import { toolPath } from './tools.ts';

/** A program that runs until it is stopped. */
export interface Daemon {
  readonly pid: number;
  /** What it has printed so far, both streams. */
  output(): string;
  /** SIGTERM, and SIGKILL if that does not end it; resolves with the exit status when it is gone. */
  stop(): Promise<number | null>;
}

export interface DaemonOptions {
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** The file that gets what it prints, for programs that print much. Default: it is kept in memory. */
  readonly outputPath?: string;
  /** Asked again and again until it gives true; a rejection counts as not yet. */
  readonly isReady: () => Promise<boolean>;
}

const readyWithinMs = 60_000;
const pollEveryMs = 50;
const patienceMs = 20_000;

/** Starts a program and waits until it is ready. If it ends or does not get ready, throws with what it printed. */
export async function startDaemon(options: DaemonOptions): Promise<Daemon> {
  const { outputPath } = options;
  const target = outputPath === undefined ? 'pipe' : openSync(outputPath, 'a');
  const child = spawn(options.command, [...options.args], {
    stdio: ['ignore', target, target],
    env: { ...process.env, PATH: toolPath, ...options.env },
    cwd: options.cwd,
  });
  if (typeof target === 'number') closeSync(target);
  let collected = '';
  const collect = (chunk: Buffer): void => {
    collected += chunk.toString();
  };
  child.stdout?.on('data', collect);
  child.stderr?.on('data', collect);
  const output = (): string => (outputPath === undefined ? collected : readFileSync(outputPath, 'utf8'));
  const ended = once(child, 'exit');
  const hasEnded = (): boolean => child.exitCode !== null || child.signalCode !== null;
  const stop = async (): Promise<number | null> => {
    if (!hasEnded()) {
      child.kill('SIGTERM');
      const killer = setTimeout(() => child.kill('SIGKILL'), patienceMs);
      await ended;
      clearTimeout(killer);
    }
    return child.exitCode;
  };
  // A program that cannot be started emits `error`, which rejects here.
  await once(child, 'spawn');
  const { pid } = child;
  if (pid === undefined) throw new Error(`${options.command} has no process id`);
  const deadline = performance.now() + readyWithinMs;
  while (!(await options.isReady().catch(() => false))) {
    if (hasEnded() || performance.now() > deadline) {
      await stop();
      throw new Error(`${options.command} did not get ready:\n${output()}`);
    }
    await delay(pollEveryMs);
  }
  return { pid, output, stop };
}

/** True when `url` answers, be it that it wants a login. */
export async function answers(url: string): Promise<boolean> {
  const response = await fetch(url, { signal: AbortSignal.timeout(2_000) });
  await response.arrayBuffer();
  return [200, 401].includes(response.status);
}
