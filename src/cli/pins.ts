import type { Command } from 'commander';
import type { Page, PinState } from '../admin/api-types.ts';
import { openAdminApi } from './api/admin-api.ts';
import { addAdminOptions, type AdminOptions } from './api/admin-target.ts';
import type { CliContext } from './context.ts';
import { formatJson } from './text/printable.ts';
import { formatTable } from './text/table.ts';

/** `pins`: what is kept whatever else has to go. */
export function addPins(program: Command, context: CliContext): void {
  addAdminOptions(program.command('pins'), 'print the answer of the admin API: one JSON document')
    .description('list the pins, those of the configuration too')
    .action(async (options: AdminOptions) => {
      const pins = await openAdminApi(options, context).get<Page<PinState>>('/pins', 'items');
      if (options.json === true) context.stdout.write(formatJson(pins));
      else if (pins.items.length === 0) context.stderr.write('nothing is pinned\n');
      else {
        const rows = pins.items.map(({ pin, source }) => [pin, source]);
        context.stdout.write(formatTable([{ title: 'PIN' }, { title: 'FROM' }], rows));
      }
    });
}
