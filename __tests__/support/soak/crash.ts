// One crash of the mirror, and what is found after it.
import { createRandom } from '../random.ts';
import { pull } from '../raw-client.ts';
import { readStoppedRows } from './catalog-rows.ts';
import { checkRecovered, checkStopped, compareWithRows, readCacheFiles } from './check-store.ts';
import { killingWrapper, type KillStep } from './kill-steps.ts';
import { startRandomPulls } from './random-pulls.ts';
import { describeWrong, listScript, runScenario, scenarioBytesPerSecond, type Template } from './scenario.ts';
import { quotaBytes, type Item, type Scene } from './scene.ts';

/** What a crash came to. */
export interface CrashReport {
  /** False when the step was not reached: the mirror was stopped in good order. */
  readonly isKilled: boolean;
  /** What the crash had left to be put right: fills parked, and rows, files and strays that do not fit together. */
  readonly parked: number;
  readonly toRecover: number;
  readonly readyAfterMs: number;
  /** Sentences; empty when all is well. */
  readonly wrong: readonly string[];
}

const readyWithinMs = 5000;
const recoveredWithinMs = 10_000;
const longestMs = 1500;
const randomBytesPerSecond = 15_000_000;

/** Kills the mirror at this step of the scenario. */
export async function crashAtStep(scene: Scene, template: Template, step: KillStep): Promise<CrashReport> {
  const { mirror, upstream } = scene;
  await template.restore(mirror);
  await upstream.setRate(scenarioBytesPerSecond);
  const wrong = await runScenario(scene, killingWrapper(mirror.cachePath, step));
  const isKilled = (await mirror.exited) === null;
  return recover(scene, { isKilled, wrong, again: listScript(scene) });
}

/** Kills the mirror at a random moment of random pulls, sometimes once more while it starts. */
export async function crashAtRandom(scene: Scene, seed: number): Promise<CrashReport> {
  const { mirror, upstream, items } = scene;
  const random = createRandom(seed);
  await upstream.setRate(randomBytesPerSecond);
  await mirror.start();
  const pulls = startRandomPulls(mirror.address, items, random);
  await sleep(random(longestMs));
  await mirror.kill();
  const { wrong } = await pulls.stop();
  if (random(5) === 0) {
    const starting = mirror.start().catch(() => undefined);
    await sleep(random(longestMs));
    await mirror.kill();
    await starting;
  }
  const again = Array.from({ length: 4 }, () => items[random(items.length)]).filter((item) => item !== undefined);
  return recover(scene, { isKilled: true, wrong, again });
}

/** Starts the mirror after its end, waits until it has recovered, looks at everything, and stops it. */
async function recover(
  { mirror, upstream }: Scene,
  { isKilled, wrong, again }: { isKilled: boolean; wrong: readonly string[]; again: readonly Item[] },
): Promise<CrashReport> {
  const left = await describeLeft(mirror.cachePath);
  await upstream.setRate(0);
  const startMs = performance.now();
  await mirror.start();
  const readyAfterMs = performance.now() - startMs;
  const found = [...wrong];
  if (readyAfterMs > readyWithinMs) found.push(`ready only after ${Math.round(readyAfterMs)} ms`);
  found.push(...(await checkRecovered(mirror, { quotaBytes, deadlineMs: recoveredWithinMs })));
  for (const item of again) {
    const broken = describeWrong(item, await pull(mirror.address, item.path));
    if (broken !== undefined) found.push(`pulled again, ${broken}`);
  }
  // What has not been put right by itself needs no second wait.
  const deadlineMs = found.length > 0 ? 1000 : recoveredWithinMs;
  found.push(...(await checkRecovered(mirror, { quotaBytes, deadlineMs })).map((line) => `after more pulls, ${line}`));
  const status = await mirror.terminate();
  if (status !== 0) found.push(`the mirror ended with status ${status}`);
  found.push(...(await checkStopped(mirror)).map((line) => `when stopped, ${line}`));
  return { isKilled, ...left, readyAfterMs, wrong: found };
}

/** A catalog that cannot be read yet has no rows. */
async function describeLeft(cachePath: string): Promise<Pick<CrashReport, 'parked' | 'toRecover'>> {
  const files = await readCacheFiles(cachePath);
  const rows = await readStoppedRows(cachePath).catch(() => []);
  return { parked: files.parkedParts.length, toRecover: compareWithRows(files, rows).length };
}

/** The moment of a kill is the one thing that is left to chance. */
function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
