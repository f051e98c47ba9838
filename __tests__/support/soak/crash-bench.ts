import { crashAtRandom, crashAtStep, type CrashReport } from './crash.ts';
import { describeStep, findKillSteps, type KillStep } from './kill-steps.ts';
import { createTemplate, emptyCache, runScenario, scenarioBytesPerSecond, type Template } from './scenario.ts';
import { openScene, type Scene } from './scene.ts';

/** Crashes a mirror, one time after the other. The owner must `close` it. */
export interface CrashBench {
  /** Every step of the scenario, in order. */
  readonly steps: readonly KillStep[];
  /** @throws Error when something fails that has nothing to do with the crash */
  crashAt(step: KillStep): Promise<CrashReport>;
  crashAtRandom(seed: number): Promise<CrashReport>;
  describe(step: KillStep): string;
  /** Text with names in place of digests. */
  withNames(text: string): string;
  /** What the mirror wrote, over all starts. */
  readonly output: string;
  /** Ends the mirror, whatever it does, and throws its cache away. */
  reset(): Promise<void>;
  close(): Promise<void>;
}

export async function openCrashBench(): Promise<CrashBench> {
  const scene = await openScene();
  let template: Template | undefined;
  const close = async (): Promise<void> => {
    await template?.close();
    await scene.close();
  };
  try {
    const made = await createTemplate(scene);
    template = made;
    const reset = async (): Promise<void> => {
      await scene.mirror.kill();
      await emptyCache(scene.mirror);
    };
    const steps = await listSteps(scene, made);
    await reset();
    return {
      steps,
      crashAt: (step) => crashAtStep(scene, made, step),
      crashAtRandom: (seed) => crashAtRandom(scene, seed),
      describe: (step) => describeStep(step, scene.names),
      withNames: (text) => text.replaceAll(/[0-9a-f]{64}/g, (hex) => scene.names.get(hex) ?? hex),
      get output() {
        return scene.mirror.output;
      },
      reset,
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

async function listSteps(scene: Scene, template: Template): Promise<readonly KillStep[]> {
  await template.restore(scene.mirror);
  await scene.upstream.setRate(scenarioBytesPerSecond);
  return findKillSteps(scene.mirror.cachePath, async (wrapper) => {
    const wrong = await runScenario(scene, wrapper);
    if (wrong.length > 0) throw new Error(`the scenario fails by itself: ${wrong.join('; ')}`);
  });
}
