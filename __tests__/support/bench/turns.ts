import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { getTool } from '../../e2e/support/tools.ts';

/** Runs work while nobody else on this machine measures who keeps to the same lock file. */
export type TakeTurn = <T>(work: () => Promise<T>) => Promise<T>;

/** Turns behind a lock of `flock`; without a file there is nobody to wait for. A turn ends with this process. */
export function createTurns(lockPath: string | undefined): TakeTurn {
  if (lockPath === undefined) return (work) => work();
  return async (work) => {
    const holder = spawn(getTool('flock'), [lockPath, 'cat'], { stdio: ['pipe', 'pipe', 'inherit'] });
    const exited = once(holder, 'exit');
    // The echo comes when the lock is held.
    holder.stdin.write('\n');
    await once(holder.stdout, 'data');
    try {
      return await work();
    } finally {
      holder.stdin.end();
      await exited;
    }
  };
}
