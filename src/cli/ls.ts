import { InvalidArgumentError, Option, type Command } from 'commander';
import type { ImageSummary, Page } from '../admin/api-types.ts';
import { openAdminApi, type AdminApi, type Query } from './api/admin-api.ts';
import { addAdminOptions, type AdminOptions } from './api/admin-target.ts';
import type { CliContext } from './context.ts';
import { formatAgo, formatBytes, formatCount, formatPercent } from './text/format.ts';
import { formatJson, toPrintable } from './text/printable.ts';
import { formatTable } from './text/table.ts';

interface LsOptions extends AdminOptions {
  readonly upstream?: string;
  readonly sort: 'name' | 'used' | 'size' | 'hits';
  readonly limit: number;
  readonly all?: boolean;
}

type ImagePage = Page<ImageSummary>;

/** The most that the API gives at once. */
const pageSize = 200;

/** `ls [SEARCH]`: the images that are here. */
export function addLs(program: Command, context: CliContext): void {
  addAdminOptions(program.command('ls'), 'print one JSON document: items, and next where there are more')
    .description('list the images in the cache')
    .argument('[search]', 'only images whose names hold this')
    .option('--upstream <name>', 'only images of this upstream')
    .addOption(
      new Option('--sort <order>', 'by name, last use, size or hits')
        .choices(['name', 'used', 'size', 'hits'])
        .default('name'),
    )
    .option('--limit <count>', 'at most so many', parseLimit, 100)
    .addOption(new Option('--all', 'all of them, however many').conflicts('limit'))
    .action(async (search: string | undefined, options: LsOptions) => {
      const { upstream, sort, all, limit } = options;
      const api = openAdminApi(options, context);
      const page = await readImages(api, { search, upstream, sort }, all === true ? Infinity : limit);
      if (options.json === true) {
        context.stdout.write(formatJson(page));
        return;
      }
      if (page.items.length > 0) context.stdout.write(formatImages(page.items, context.clock.wallMs()));
      const note = findNote(page, search);
      if (note !== undefined) context.stderr.write(`${toPrintable(note)}\n`);
    });
}

function parseLimit(text: string): number {
  const limit = Number(text);
  if (/^\d{1,9}$/.test(text) && limit > 0) return limit;
  throw new InvalidArgumentError('Expected a whole number from 1.');
}

/** Page after page, until there are `limit` or no more. */
async function readImages(api: AdminApi, query: Query, limit: number): Promise<ImagePage> {
  const items: ImageSummary[] = [];
  let cursor: string | undefined;
  for (;;) {
    const page = await api.get<ImagePage>('/images', 'items', {
      ...query,
      cursor,
      limit: Math.min(pageSize, limit - items.length),
    });
    items.push(...page.items);
    if (page.next === null || items.length >= limit) return { items, next: page.next };
    cursor = page.next;
  }
}

const columns = [
  { title: 'IMAGE' },
  { title: 'SIZE', align: 'right' },
  { title: 'HERE', align: 'right' },
  { title: 'HITS', align: 'right' },
  { title: 'USED' },
  { title: '' },
] as const;

function formatImages(images: readonly ImageSummary[], nowMs: number): string {
  return formatTable(
    columns,
    images.map((image) => [
      image.reference,
      formatBytes(image.sizeBytes),
      formatPercent(image.sizeBytes === 0 ? 1 : image.cachedBytes / image.sizeBytes),
      formatCount(image.hits),
      formatAgo(image.lastUsedAt, nowMs),
      [...(image.isPinned ? ['pinned'] : []), ...(image.visibility === 'restricted' ? ['restricted'] : [])].join(', '),
    ]),
  );
}

function findNote({ items, next }: ImagePage, search: string | undefined): string | undefined {
  if (items.length === 0)
    return search === undefined ? 'no image is cached' : `no cached image has ${JSON.stringify(search)} in its name`;
  return next === null ? undefined : `there are more than these ${items.length}: --all, --limit or a search`;
}
