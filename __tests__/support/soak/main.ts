// Kills the built service again and again, at random moments and at every step, and looks at what is left.
// Usage: node __tests__/support/soak/main.ts [repetitions] [seed] [--only N] [--all] [--steps] [--log]
//   --only N  repetition N of such a run alone     --all  every step once, no random moments
//   --steps   only names the steps                 --log  what the mirror wrote, after a failure
import { parseArgs } from 'node:util';
import type { CrashReport } from './crash.ts';
import { openCrashBench } from './crash-bench.ts';
import { thinOut, type KillStep } from './kill-steps.ts';
import { createTally } from './tally.ts';

interface Repetition {
  /** Undefined: a random moment. */
  readonly step: KillStep | undefined;
  readonly seed: number;
}

/** Of a hundred writes of one fill not each is a case of its own. */
const writesOfFill = 6;

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    only: { type: 'string' },
    all: { type: 'boolean', default: false },
    steps: { type: 'boolean', default: false },
    log: { type: 'boolean', default: false },
  },
});
const [repetitions = 200, seed = Math.floor(Math.random() * 1e6)] = positionals.map(Number);
const print = (line: string): void => void process.stdout.write(`${line}\n`);

const bench = await openCrashBench();
try {
  const steps = thinOut(bench.steps, writesOfFill);
  if (flags.steps) for (const step of steps) print(bench.describe(step));
  else {
    print(`seed ${seed}, ${steps.length} steps`);
    process.exitCode = (await runAll(plan(steps))) === 0 ? 0 : 1;
  }
} finally {
  await bench.close();
}

/** Random moments and steps take turns; the steps are spread over all there are. */
function plan(steps: readonly KillStep[]): readonly Repetition[] {
  if (flags.all) return steps.map((step) => ({ step, seed }));
  const half = Math.ceil(repetitions / 2);
  return Array.from({ length: repetitions }, (_, i) => {
    const turn = Math.floor(i / 2);
    const at = half < steps.length ? Math.floor((turn * steps.length) / half) : turn % steps.length;
    return { step: i % 2 === 0 ? undefined : steps[at], seed: seed * 10_000 + i };
  });
}

async function runAll(planned: readonly Repetition[]): Promise<number> {
  const tally = createTally();
  for (const [i, repetition] of planned.entries()) {
    const number = i + 1;
    if (flags.only !== undefined && Number(flags.only) !== number) continue;
    const report = await crash(repetition);
    tally.add(kindOf(repetition), report);
    if (report.wrong.length > 0) await explain(number, repetition, report);
    if (number % 10 === 0) print(`${number} of ${planned.length}: ${tally.line()}`);
  }
  print(tally.table());
  return tally.failures;
}

async function crash({ step, seed }: Repetition): Promise<CrashReport> {
  try {
    return await (step === undefined ? bench.crashAtRandom(seed) : bench.crashAt(step));
  } catch (error) {
    return { isKilled: true, parked: 0, toRecover: 0, readyAfterMs: 0, wrong: [String(error)] };
  }
}

async function explain(number: number, repetition: Repetition, { wrong }: CrashReport): Promise<void> {
  const { step } = repetition;
  const where = step === undefined ? 'a random moment' : bench.describe(step);
  const again = `${flags.all ? '--all' : repetitions} ${seed} --only ${number}`;
  print(`FAIL at ${where}; again with: ${again}`);
  for (const line of wrong) print(`     ${bench.withNames(line)}`);
  if (flags.log) print(bench.output.split('\n').slice(-40).join('\n'));
  // What went wrong must not go wrong once more only because it is still there.
  await bench.reset();
}

/** Which call, and in which folder: `unlink in blobs`. */
function kindOf({ step }: Repetition): string {
  if (step === undefined) return 'random moment';
  const [folder = '', ...rest] = step.path.split('/');
  return `${step.call} in ${rest.length === 0 ? 'the root' : folder}`;
}
