// Measures the built service beside Debian's docker-registry and nginx, on this machine and in one run.
// Usage: node __tests__/support/bench/main.ts [--rounds 5] [--seconds 4] [--contenders stowage,registry,nginx]
//          [--lock FILE] [--no-write] [--list] [words of a row's name]
//   --lock FILE  each measurement waits for this lock of `flock`, so that others may measure in between
//   A run of all rows and contenders writes its tables to docs/benchmarks.md, unless --no-write.
import { parseArgs } from 'node:util';
import type { ContenderName } from './contender.ts';
import { measureRow, passes } from './rounds.ts';
import type { BenchRow, RowResult } from './row.ts';
import { openBenchStage } from './stage.ts';
import { formatBar, formatChecks, formatRows, isOfMirrors, toCheckLine } from './table.ts';
import { warmRows } from './warm-rows.ts';

const { values: flags, positionals: words } = parseArgs({
  allowPositionals: true,
  allowNegative: true,
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '4' },
    contenders: { type: 'string', default: 'stowage,registry,nginx' },
    lock: { type: 'string' },
    write: { type: 'boolean', default: true },
    list: { type: 'boolean', default: false },
  },
});
const print = (line: string): void => void process.stdout.write(`${line}\n`);
const isChosen = ({ name }: { readonly name: string }): boolean =>
  words.every((word) => name.toLowerCase().includes(word.toLowerCase()));
const rows = warmRows.filter(isChosen);

if (flags.list) for (const { name, bars } of rows) print(`${name} | ${bars.map(formatBar).join(', ')}`);
else await measureAll(rows);

async function measureAll(chosen: readonly BenchRow[]): Promise<void> {
  const stage = await openBenchStage({
    rounds: Number(flags.rounds),
    seconds: Number(flags.seconds),
    contenders: flags.contenders.split(',') as ContenderName[],
    lockPath: flags.lock,
  });
  const end = (): void => void stage.close().finally(() => process.exit(130));
  process.once('SIGINT', end).once('SIGTERM', end);
  try {
    const results: RowResult[] = [];
    for (const row of chosen) {
      const result = await measureRow(row, stage);
      results.push(result);
      print(formatRows([result]).split('\n').at(-1) ?? '');
    }
    print(`\n${formatRows(results.filter(isOfMirrors))}\n`);
    print(formatChecks(results.filter((result) => !isOfMirrors(result)).map(toCheckLine)));
    process.exitCode = results.some((result) => passes(result) === false) ? 1 : 0;
  } finally {
    await stage.close();
  }
}
