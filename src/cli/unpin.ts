import type { Command } from 'commander';
import type { Page, PinState, ReferencesRequest } from '../admin/api-types.ts';
import { openAdminApi } from './api/admin-api.ts';
import { addAdminOptions, type AdminOptions } from './api/admin-target.ts';
import type { CliContext } from './context.ts';
import { checkPins } from './pin-arguments.ts';
import { formatJson, toPrintable } from './text/printable.ts';

/** `unpin PIN…`: may go again. Pins of the configuration are taken away there. */
export function addUnpin(program: Command, context: CliContext): void {
  addAdminOptions(program.command('unpin'), 'print the answer of the admin API: one JSON document with all pins')
    .description('let go of pins that were set by the pin command or the page')
    .argument('<pin...>', 'images or digests, as in alpine:3.20, ghcr.io/org/* or sha256:…')
    .action(async (references: readonly string[], options: AdminOptions) => {
      checkPins(references);
      const body: ReferencesRequest = { references };
      const pins = await openAdminApi(options, context).post<Page<PinState>>('/unpin', 'items', body);
      if (options.json === true) context.stdout.write(formatJson(pins));
      else for (const reference of references) context.stdout.write(`${toPrintable(reference)}: unpinned\n`);
    });
}
