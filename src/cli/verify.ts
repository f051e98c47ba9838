import type { Command } from 'commander';
import type { VerifyRequest } from '../admin/api-types.ts';
import { addAdminOptions, type AdminOptions } from './api/admin-target.ts';
import type { CliContext } from './context.ts';
import { checkImageNames } from './image-arguments.ts';
import { runJob } from './jobs/run-job.ts';

/** `verify [IMAGE…]`: is what is here still what it was? */
export function addVerify(program: Command, context: CliContext): void {
  addAdminOptions(program.command('verify'), 'print the job as JSON, a line each time that it has moved')
    .description('read what is in the cache and compare it with its digests; Ctrl-C cancels that')
    .argument('[image...]', 'only these images (default: everything)')
    .action(async (references: readonly string[], options: AdminOptions) => {
      checkImageNames(references);
      const body: VerifyRequest = references.length === 0 ? {} : { references };
      await runJob({ path: '/verify', body }, { options, context });
    });
}
