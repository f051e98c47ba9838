// Measures the built service against the tables of what it must show.
// Usage: node __tests__/support/measure/main.ts [--full] [--list] [--log] [word of a row's name]
//    or: node __tests__/support/measure/main.ts --storm [seed] [seconds]
import { accountRows } from './account-rows.ts';
import { conformanceRow } from './conformance-row.ts';
import { faultRows } from './fault-rows.ts';
import { freshnessRows } from './freshness-rows.ts';
import { lifeRows } from './life-rows.ts';
import { loadRows } from './load-rows.ts';
import { sharingRows } from './sharing-rows.ts';
import { runRow, type Row } from './bench.ts';
import { overloadRow } from './overload-row.ts';
import { slowClientsRow } from './slow-clients-row.ts';
import { storeRows } from './store-rows.ts';
import { createStormRow } from './storm.ts';

const tableRows: readonly Row[] = [
  ...sharingRows,
  ...faultRows,
  ...loadRows,
  ...lifeRows,
  ...freshnessRows,
  conformanceRow,
  ...accountRows,
  slowClientsRow,
  overloadRow,
  ...storeRows,
];

const print = (line: string): void => void process.stdout.write(`${line}\n`);
const flags = new Set(process.argv.slice(2).filter((word) => word.startsWith('--')));
const words = process.argv.slice(2).filter((word) => !word.startsWith('--'));
const [seed = Math.floor(Math.random() * 1e6), seconds = 30] = words.map(Number);
const chosen = flags.has('--storm')
  ? [createStormRow(seed, seconds)]
  : tableRows.filter((row) => words.every((word) => row.name.toLowerCase().includes(word.toLowerCase())));

if (flags.has('--list')) {
  for (const row of chosen) print(`${row.name} | ${row.bar}`);
} else {
  let passed = 0;
  for (const row of chosen) {
    const startMs = performance.now();
    const verdict = await runRow(row, flags.has('--full'));
    const took = ((performance.now() - startMs) / 1000).toFixed(1);
    print(
      `${verdict.passes ? 'pass' : 'FAIL'}  ${row.name} (${took} s)\n      bar: ${row.bar}\n      got: ${verdict.figures}`,
    );
    if (flags.has('--log')) print(verdict.output);
    if (verdict.passes) passed += 1;
  }
  print(`${passed} of ${chosen.length} pass`);
  process.exitCode = passed === chosen.length ? 0 : 1;
}
