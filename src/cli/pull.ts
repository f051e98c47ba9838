import { InvalidArgumentError, Option, type Command } from 'commander';
import type { Job, PullRequest } from '../admin/api-types.ts';
import { findPlatform } from '../oci/platform.ts';
import { openAdminApi } from './api/admin-api.ts';
import { addAdminOptions, type AdminOptions } from './api/admin-target.ts';
import type { CliContext } from './context.ts';
import { checkImageNames } from './image-arguments.ts';
import { runJob } from './jobs/run-job.ts';
import { formatNumberOf } from './text/format.ts';
import { formatJson } from './text/printable.ts';

interface PullOptions extends AdminOptions {
  readonly platform?: readonly string[];
  readonly allPlatforms?: boolean;
  readonly detach?: boolean;
}

/** `pull IMAGE…`: into the cache, before anybody asks for it. */
export function addPull(program: Command, context: CliContext): void {
  addAdminOptions(program.command('pull'), 'print the job as JSON, a line each time that it has moved')
    .description('fetch images into the cache; Ctrl-C cancels that')
    .argument('<image...>', 'images, as in alpine:3.20 or ghcr.io/org/app@sha256:…')
    .option('--platform <platform>', "as in linux/arm64, may be repeated (default: the mirror's own)", collect)
    .addOption(new Option('--all-platforms', 'every platform the image has').conflicts('platform'))
    .option('--detach', 'do not wait for the end')
    .action(async (references: readonly string[], options: PullOptions) => {
      checkImageNames(references);
      const platforms = options.allPlatforms === true ? 'all' : options.platform;
      const body: PullRequest = { references, ...(platforms !== undefined && { platforms }) };
      if (options.detach === true) await startPull(body, options, context);
      else await runJob({ path: '/pull', body }, { options, context });
    });
}

function collect(value: string, previous: readonly string[] = []): readonly string[] {
  if (findPlatform(value) !== undefined) return [...previous, value];
  throw new InvalidArgumentError('Expected a platform, as in linux/amd64 or linux/arm/v7.');
}

async function startPull(body: PullRequest, options: PullOptions, context: CliContext): Promise<void> {
  const job = await openAdminApi(options, context).post<Job>('/pull', 'items', body);
  const line = `job ${job.id} pulls ${formatNumberOf(job.items.length, 'image')}; the page shows how it comes along\n`;
  context.stdout.write(options.json === true ? formatJson(job) : line);
}
