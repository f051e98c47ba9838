import type { Command } from 'commander';
import type { Page, PinState, ReferencesRequest } from '../admin/api-types.ts';
import { openAdminApi } from './api/admin-api.ts';
import { addAdminOptions, type AdminOptions } from './api/admin-target.ts';
import type { CliContext } from './context.ts';
import { checkPins } from './pin-arguments.ts';
import { formatJson, toPrintable } from './text/printable.ts';

/** `pin PIN…`: kept whatever else has to go, with all that it lists. */
export function addPin(program: Command, context: CliContext): void {
  addAdminOptions(program.command('pin'), 'print the answer of the admin API: one JSON document with all pins')
    .description('keep images whatever else has to go')
    .argument('<pin...>', 'images or digests, as in alpine:3.20, ghcr.io/org/* or sha256:…')
    .action(async (references: readonly string[], options: AdminOptions) => {
      checkPins(references);
      const body: ReferencesRequest = { references };
      const pins = await openAdminApi(options, context).post<Page<PinState>>('/pin', 'items', body);
      if (options.json === true) context.stdout.write(formatJson(pins));
      else for (const reference of references) context.stdout.write(`${toPrintable(reference)}: pinned\n`);
    });
}
