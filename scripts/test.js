/**
 * Runs the tests that tsc has built: unit and contract tests, properties, flow tests, each in parallel, then the
 * end-to-end tests, one file at a time. Brings the programs that those need where it may, and names them where it may
 * not.
 * Arguments go to jest, which then runs once. With CI=true a skipped test is a failure.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { installTools, missingTools } from './end-to-end-tools.js';

const jest = join(dirname(createRequire(import.meta.url).resolve('jest/package.json')), 'bin', 'jest.js');
const isCi = process.env.CI === 'true';
const jestArguments = process.argv.slice(2);
const endsWithinSeconds = 20;
const total = { passed: 0, failed: 0, skipped: 0 };
let isGood = true;

const needed = missingTools();
if (needed.length > 0) {
  const reason = installTools(needed);
  const missing = missingTools();
  if (missing.length > 0) console.log(`skipped: end-to-end tests that run ${missing.join(', ')} (${reason})`);
}

if (jestArguments.length > 0) await runJest(jestArguments);
else {
  // Where there are few processors all files run in one process, of which jest lets little memory go.
  await runJest(['--testPathIgnorePatterns', '/__tests__/(e2e|flow|fuzz)/']);
  await runJest(['--testPathPatterns', '/__tests__/fuzz/']);
  await runJest(['--testPathPatterns', '/__tests__/flow/']);
  await runJest(['--runInBand', '--testPathPatterns', '/__tests__/e2e/']);
}

if (isCi && total.skipped > 0) {
  console.log('a skipped test is a failure where CI=true');
  isGood = false;
}
console.log(`${total.passed} passed, ${total.failed} failed${total.skipped > 0 ? `, ${total.skipped} skipped` : ''}`);
process.exitCode = isGood ? 0 : 1;

async function runJest(args) {
  const scratch = mkdtempSync(join(tmpdir(), 'stowage-jest-'));
  const report = join(scratch, 'report.json');
  const flags = ['--experimental-vm-modules', '--enable-source-maps', '--disable-warning=ExperimentalWarning'];
  const child = spawn(process.execPath, [...flags, jest, '--json', '--outputFile', report, ...args], {
    cwd: join(import.meta.dirname, '..'),
    // jest's report also goes to standard output with --json; the file is enough.
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, UV_THREADPOOL_SIZE: '32' },
  });
  const watch = watchEnd(child, report);
  const [status] = await once(child, 'exit');
  clearInterval(watch);
  if (status !== 0) isGood = false;
  count(report);
  rmSync(scratch, { recursive: true, force: true });
}

/** A process that has written its report and does not end holds something that a test has left open. */
function watchEnd(child, report) {
  let seconds = 0;
  return setInterval(() => {
    if (existsSync(report)) seconds += 1;
    if (seconds !== endsWithinSeconds) return;
    console.log('jest has finished but does not end: a test has left something open');
    child.kill('SIGKILL');
  }, 1000);
}

function count(report) {
  try {
    const result = JSON.parse(readFileSync(report, 'utf8'));
    total.passed += result.numPassedTests;
    // A file that does not even load has no tests to count.
    total.failed += result.numFailedTests + result.numRuntimeErrorTestSuites;
    total.skipped += result.numPendingTests + result.numTodoTests;
    const tests = result.testResults.flatMap((file) => file.assertionResults);
    for (const { status, fullName } of tests) if (status === 'pending') console.log(`skipped: ${fullName}`);
  } catch {
    // Without a report nothing is known of any test.
    total.failed += 1;
    isGood = false;
  }
}
