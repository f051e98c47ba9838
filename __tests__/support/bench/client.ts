import { fork } from 'node:child_process';
import { once } from 'node:events';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { CrowdJob, CrowdOutcome, PullJob, PullOutcome } from './client-jobs.ts';

/** A client in another process, which does one job at a time. The owner must `close` it. */
export interface BenchClient {
  /** @throws Error when anything but whole answers with status 200 came, or wrong bytes where they are verified */
  pull(job: Omit<PullJob, 'kind'>): Promise<PullOutcome>;
  crowd(job: Omit<CrowdJob, 'kind'>): Promise<CrowdOutcome>;
  close(): Promise<void>;
}

export function startBenchClient(): BenchClient {
  const own = fileURLToPath(import.meta.url);
  const child = fork(own.replace(/client\.[jt]s$/, `client-process${extname(own)}`), {
    execArgv: [],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const exited = once(child, 'exit');
  const send = async <T>(job: PullJob | CrowdJob): Promise<T> => {
    child.send(job);
    const gone = exited.then(() => Promise.reject(new Error("the client's process has ended")));
    const [message] = (await Promise.race([once(child, 'message'), gone])) as [{ outcome?: T; error?: string }];
    if (message.outcome === undefined) throw new Error(message.error);
    return message.outcome;
  };
  return {
    pull: (job) => send<PullOutcome>({ kind: 'pull', ...job }),
    crowd: (job) => send<CrowdOutcome>({ kind: 'crowd', ...job }),
    async close() {
      if (child.connected) child.disconnect();
      await exited;
    },
  };
}
