import type { Job } from '../../admin/api-types.ts';
import { openAdminApi } from '../api/admin-api.ts';
import type { AdminOptions } from '../api/admin-target.ts';
import type { CliContext } from '../context.ts';
import { CliFailure } from '../failure.ts';
import { createBarReporter } from './bar-reporter.ts';
import { followJob } from './follow-job.ts';
import { createJsonReporter } from './json-reporter.ts';
import { createLineReporter } from './line-reporter.ts';
import { findComplaint, type JobReporter } from './reporter.ts';

/**
 * Starts a job at the mirror and shows it until it has ended. @throws CliFailure unless all of it went well; what
 * went wrong with which image has been said by then, except to those who read JSON
 */
export async function runJob(
  { path, body }: { readonly path: '/pull' | '/verify'; readonly body: object },
  { options, context }: { readonly options: AdminOptions; readonly context: CliContext },
): Promise<void> {
  const api = openAdminApi(options, context);
  const reporter = createReporter(options, context);
  const start = (): Promise<Job> => api.post<Job>(path, 'items', body);
  const { job, isInterrupted } = await followJob(start, { api, reporter, context });
  if (isInterrupted && job.state !== 'done') throw new CliFailure('cancelled; what has been done so far stays');
  const complaints = job.items.flatMap((item) => findComplaint(item) ?? []);
  if (complaints.length === 0 && job.state === 'done') return;
  if (options.json === true) throw new CliFailure(complaints);
  throw new CliFailure(complaints.length === 0 ? `the job was not finished: ${job.state}` : []);
}

function createReporter({ json }: AdminOptions, context: CliContext): JobReporter {
  if (json === true) return createJsonReporter(context);
  return context.stdout.isTTY === true && context.env['TERM'] !== 'dumb'
    ? createBarReporter(context)
    : createLineReporter(context);
}
