// Measures the built service over a store of many objects.
// Usage: node __tests__/support/measure/scale-main.ts [--objects 1000000] [--directory DIR]
// With a directory the store (4.5 GB a million) is kept there for the next run, else it is made anew and deleted.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { measureScale, type ScaleFinding } from './scale.ts';

const { values } = parseArgs({
  options: { objects: { type: 'string', default: '1000000' }, directory: { type: 'string' } },
});
const objects = Number(values.objects);
if (!Number.isSafeInteger(objects) || objects < 1000) throw new Error('--objects: a number of at least 1000');

const findings: ScaleFinding[] = [];
const print = (finding: ScaleFinding): void => {
  findings.push(finding);
  const { name, bar, passes, figures } = finding;
  const verdict = passes === undefined ? '    ' : passes ? 'pass' : 'FAIL';
  process.stdout.write(`${verdict}  ${name}\n${bar === '' ? '' : `      bar: ${bar}\n`}      got: ${figures}\n`);
};

const directory = values.directory ?? (await mkdtemp(join(tmpdir(), 'stowage-scale-')));
try {
  await measureScale({ directory, objects, onFinding: print });
} finally {
  if (values.directory === undefined) await rm(directory, { recursive: true, force: true });
}
const judged = findings.filter(({ passes }) => passes !== undefined);
const passed = judged.filter(({ passes }) => passes === true).length;
process.stdout.write(`${passed} of ${judged.length} pass, ${objects} objects\n`);
process.exitCode = passed === judged.length ? 0 : 1;
