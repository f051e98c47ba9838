import type { Command } from 'commander';
import type { Status } from '../admin/api-types.ts';
import { openAdminApi } from './api/admin-api.ts';
import { addAdminOptions, type AdminOptions } from './api/admin-target.ts';
import type { CliContext } from './context.ts';
import { formatStatus } from './status-text.ts';
import { createPaint } from './text/paint.ts';
import { formatJson } from './text/printable.ts';

/** `status`: is it up, is it of use, how full is it, and which upstream is in trouble? */
export function addStatus(program: Command, context: CliContext): void {
  addAdminOptions(program.command('status'), 'print the answer of the admin API: one JSON document')
    .description('show how a running mirror is: cache, hits, upstreams, what is not as it should be')
    .action(async (options: AdminOptions) => {
      const api = openAdminApi(options, context);
      const status = await api.get<Status>('/status', 'uptimeSeconds');
      context.stdout.write(
        options.json === true
          ? formatJson(status)
          : formatStatus(status, {
              url: api.url,
              nowMs: context.clock.wallMs(),
              paint: createPaint(context.stdout, context),
            }),
      );
    });
}
