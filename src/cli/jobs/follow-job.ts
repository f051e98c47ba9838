import type { Job } from '../../admin/api-types.ts';
import type { AdminApi } from '../api/admin-api.ts';
import type { CliClock, CliContext } from '../context.ts';
import type { JobReporter } from './reporter.ts';

/** Short jobs are seen to end at once, long ones are not asked for often. */
const firstDelayMs = 100;
const longestDelayMs = 500;

export interface FollowedJob {
  readonly job: Job;
  /** Whether the operator ended it from here. */
  readonly isInterrupted: boolean;
}

/** Starts a job and asks for it until it has ended. An interrupt cancels it, and is waited for. */
export async function followJob(
  start: () => Promise<Job>,
  { api, reporter, context }: { readonly api: AdminApi; readonly reporter: JobReporter; readonly context: CliContext },
): Promise<FollowedJob> {
  const interrupt = new AbortController();
  const forget = context.onInterrupt(() => interrupt.abort());
  let isCancelled = false;
  try {
    let job = await start();
    for (let delayMs = firstDelayMs; ; delayMs = Math.min(longestDelayMs, delayMs * 1.5)) {
      reporter.show(job);
      if (job.state !== 'running') return { job, isInterrupted: isCancelled };
      const path = `/jobs/${encodeURIComponent(job.id)}`;
      await wait(context.clock, delayMs, isCancelled ? undefined : interrupt.signal);
      if (interrupt.signal.aborted && !isCancelled) {
        isCancelled = true;
        // The next one is not caught any more: it ends the command at once.
        forget();
        job = await api.post<Job>(`${path}/cancel`, 'items', {});
      } else job = await api.get<Job>(path, 'items');
    }
  } finally {
    forget();
    reporter.close();
  }
}

async function wait(clock: CliClock, delayMs: number, signal: AbortSignal | undefined): Promise<void> {
  if (signal?.aborted === true) return;
  await new Promise<void>((resolve) => {
    const end = (): void => {
      timer.stop();
      signal?.removeEventListener('abort', end);
      resolve();
    };
    const timer = clock.startTimer(delayMs, end);
    signal?.addEventListener('abort', end);
  });
}
