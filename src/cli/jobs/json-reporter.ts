import type { Job } from '../../admin/api-types.ts';
import type { CliContext } from '../context.ts';
import { formatJson } from '../text/printable.ts';
import type { JobReporter } from './reporter.ts';

const everyMs = 1000;

/** The job as the API tells it, a line each time that it has moved, at most one a second; the last line is its end. */
export function createJsonReporter({ stdout, clock }: CliContext): JobReporter {
  let last = '';
  let saidAtMs = -Infinity;
  return {
    show(job: Job) {
      const line = formatJson(job);
      const isDue = job.state !== 'running' || clock.wallMs() - saidAtMs >= everyMs;
      if (line === last || !isDue) return;
      last = line;
      saidAtMs = clock.wallMs();
      stdout.write(line);
    },
    close: () => undefined,
  };
}
