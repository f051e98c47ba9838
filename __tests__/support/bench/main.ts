// Measures the built service beside Debian's docker-registry and nginx, on this machine and in one run.
// Usage: node __tests__/support/bench/main.ts [--rounds 5] [--seconds 4] [--contenders stowage,registry,nginx]
//          [--lock FILE] [--no-write] [--list] [words of a row's name]
//   --seconds    how long wrk runs each time
//   --lock FILE  each measurement waits for this lock of `flock`, so that others may measure in between
//   A run of all rows and contenders writes its tables to docs/benchmarks.md, unless --no-write.
import { relative } from 'node:path';
import { parseArgs } from 'node:util';
import { getTool } from '../../e2e/support/tools.ts';
import { coldRows } from './cold-rows.ts';
import type { ContenderName } from './contender.ts';
import { crowdCheck } from './crowd-check.ts';
import { documentPath, writeSection } from './document.ts';
import { memoryCheck } from './memory-check.ts';
import { measureRow, passes } from './rounds.ts';
import { quietCheck } from './quiet-check.ts';
import type { BenchCheck, BenchRow, RowResult } from './row.ts';
import { formatSection } from './section.ts';
import { slowUpstreamRow } from './slow-upstream-row.ts';
import { openBenchStage, type BenchStage } from './stage.ts';
import { formatBar, formatResult, type CheckLine } from './table.ts';
import { warmRows } from './warm-rows.ts';

const mirrors: readonly ContenderName[] = ['stowage', 'registry', 'nginx'];
const programs = { 'docker-registry': 'docker-registry', nginx: 'nginx-light', wrk: 'wrk' };

const { values: flags, positionals: words } = parseArgs({
  allowPositionals: true,
  allowNegative: true,
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '4' },
    contenders: { type: 'string', default: mirrors.join() },
    lock: { type: 'string' },
    write: { type: 'boolean', default: true },
    list: { type: 'boolean', default: false },
  },
});
const contenders = mirrors.filter((name) => flags.contenders.split(',').includes(name));
const print = (line: string): void => void process.stdout.write(`${line}\n`);
const isChosen = ({ name }: { readonly name: string }): boolean =>
  words.every((word) => name.toLowerCase().includes(word.toLowerCase()));
const rows = [...warmRows, ...coldRows, slowUpstreamRow].filter(isChosen);
// Memory before the crowd, which is judged apart. The last one tells what the others are worth, whatever was chosen.
const checks = [...[memoryCheck, crowdCheck].filter(isChosen), quietCheck];

if (flags.list) {
  for (const { name, bars } of rows) print(`${name} | ${bars.map(formatBar).join(', ')}`);
  for (const { name, bar } of checks) print(`${name} | ${bar}`);
} else {
  for (const [program, debianPackage] of Object.entries(programs)) {
    try {
      getTool(program);
    } catch (error) {
      throw new Error(`apt-get install ${debianPackage} brings it`, { cause: error });
    }
  }
  await measure();
}

async function measure(): Promise<void> {
  const stage = await openBenchStage({
    rounds: Number(flags.rounds),
    seconds: Number(flags.seconds),
    contenders,
    lockPath: flags.lock,
  });
  const ending = new AbortController();
  const end = (): void => {
    if (ending.signal.aborted) return;
    ending.abort();
    void stage.close().finally(() => process.exit(130));
  };
  process.once('SIGINT', end).once('SIGTERM', end);
  // `npm run bench | head`: nobody reads on.
  process.stdout.on('error', end);
  try {
    const results: RowResult[] = [];
    for (const row of rows) if (!ending.signal.aborted) results.push(await measureAndPrint(row, stage));
    const lines: CheckLine[] = [];
    for (const check of checks) if (!ending.signal.aborted) lines.push(await checkAndPrint(check, stage));
    // What failed after a signal failed because of it.
    if (ending.signal.aborted) return;
    const section = await formatSection({ results, lines, rounds: stage.rounds, seconds: stage.seconds });
    print(`\n${section}`);
    if (flags.write && words.length === 0 && contenders.length === mirrors.length) {
      await writeSection(documentPath, section);
      print(`written to ${relative(process.cwd(), documentPath)}`);
    }
    const isGood = [...results.map(passes), ...lines.map((line) => line.passes)].every((pass) => pass !== false);
    process.exitCode = isGood ? 0 : 1;
  } finally {
    await stage.close();
  }
}

async function measureAndPrint(row: BenchRow, stage: BenchStage): Promise<RowResult> {
  const result = await measureRow(row, stage);
  print(formatResult(result));
  return result;
}

async function checkAndPrint(check: BenchCheck, stage: BenchStage): Promise<CheckLine> {
  const result = await check.run(stage).catch((error: unknown) => ({ passes: false, figures: String(error) }));
  const { name, bar } = check;
  print(`${name}: ${result.figures}`);
  return { name, bar, ...result };
}
