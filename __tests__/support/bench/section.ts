import { describeSetting } from './machine.ts';
import type { RowResult } from './row.ts';
import { formatChecks, formatRows, isOfMirrors, toCheckLine, type CheckLine } from './table.ts';

export interface SectionOptions {
  readonly results: readonly RowResult[];
  readonly lines: readonly CheckLine[];
  readonly rounds: number;
  readonly seconds: number;
}

/** The section of the page about benchmarks: how it was measured, and both tables. */
export async function formatSection({ results, lines, rounds, seconds }: SectionOptions): Promise<string> {
  const setting = await describeSetting();
  const apart = results.filter((result) => !isOfMirrors(result)).map(toCheckLine);
  return [
    '## Beside docker-registry and nginx',
    `\`npm run bench\` runs Stowage with its defaults, Debian's docker-registry as a proxy and nginx with \`proxy_cache\` (2 workers, \`sendfile\`), each with its log of requests in a file, in front of one docker-registry, all on loopback with the client beside them. Figures are medians of ${rounds} rounds; in each round every mirror is measured in turn, ratios are medians of the rounds' ratios. Warm rows are ${seconds} s of \`wrk -t1\`, with 16 connections where the row names no clients; cold rows pull what no mirror has yet, from files that the upstream's page cache holds: before each pull of an image it is pulled once from the upstream itself, before each large one the page cache is emptied as well (as root). \`loop lag\` is Stowage's event loop.`,
    `Figures of ${setting}:`,
    formatRows(results.filter(isOfMirrors)),
    formatChecks([...apart, ...lines]),
    'Starting over a store of a million objects is measured by `npm run scale`, below.',
  ].join('\n\n');
}
