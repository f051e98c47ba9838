import type { Command } from 'commander';
import type { PurgeResult, ReferencesRequest } from '../admin/api-types.ts';
import { openAdminApi } from './api/admin-api.ts';
import { addAdminOptions, type AdminOptions } from './api/admin-target.ts';
import type { CliContext } from './context.ts';
import { checkImageNames } from './image-arguments.ts';
import { formatBytes, formatNumberOf } from './text/format.ts';
import { formatJson } from './text/printable.ts';

/** `purge IMAGE…`: out of the cache, except for what other images need. */
export function addPurge(program: Command, context: CliContext): void {
  addAdminOptions(program.command('purge'), 'print the answer of the admin API: one JSON document')
    .description('take images out of the cache; what other images need stays')
    .argument('<image...>', 'images, as in alpine:3.20 or ghcr.io/org/app@sha256:…')
    .action(async (references: readonly string[], options: AdminOptions) => {
      checkImageNames(references);
      const body: ReferencesRequest = { references };
      const result = await openAdminApi(options, context).post<PurgeResult>('/purge', 'items', body);
      context.stdout.write(options.json === true ? formatJson(result) : result.items.map(formatItem).join(''));
    });
}

function formatItem({ reference, removedObjects, freedBytes, keptObjects }: PurgeResult['items'][number]): string {
  const kept = keptObjects === 0 ? '' : `, ${formatNumberOf(keptObjects, 'object')} kept for other images`;
  return `${reference}: ${formatNumberOf(removedObjects, 'object')} removed, ${formatBytes(freedBytes)} freed${kept}\n`;
}
