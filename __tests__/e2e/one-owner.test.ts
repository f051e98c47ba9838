// Story: one process a cache directory, in whatever container it runs; a crash blocks nobody.
import { expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import process from 'node:process';
import { createSeededContent } from '../support/content.ts';
import { expectWhole } from '../support/expectations.ts';
import { mainName, setStage } from '../support/flow.ts';
import { startMirrorProcess, type MirrorProcess } from '../support/mirror-process.ts';
import { describeWith } from './support/describe-with.ts';
import { diskTools } from './support/disk-faults.ts';
import { pathOf, pullBlob, untilHit } from './support/disk-stage.ts';

const blob = createSeededContent('one owner', 2_000_000);
/** As a container runs it: a process namespace of its own, where every mirror is process 1. */
const contained = ['unshare', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc'];

describeWith({ programs: diskTools, root: true }, 'a cache directory', () => {
  const stage = setStage();

  async function startOwner(under: readonly string[]) {
    const upstream = await stage.upstream();
    upstream.registry.addBlob('team/app', blob);
    const mirror = await stage.mirror(upstream, {}, {}, { under });
    await untilHit(mirror, pathOf(blob));
    return mirror;
  }

  function startSecond(mirror: MirrorProcess, under: readonly string[]): Promise<MirrorProcess> {
    return startMirrorProcess({
      upstreams: [{ name: mainName, url: 'http://127.0.0.1:1' }],
      config: { cache: { path: mirror.cachePath } },
      under,
    });
  }

  test.each([
    ['beside its owner', [], []],
    ['in another container than its owner', [], contained],
    ['outside of its owner’s container', contained, []],
    ['in a container, as its owner in another', contained, contained],
  ])('refuses a second process %s, which names the owner and ends', async (_where, first, second) => {
    const mirror = await startOwner(first);
    const known = first.length > 0 ? 1 : mirror.pid;
    await expect(startSecond(mirror, second)).rejects.toThrow(
      new RegExp(`with status 1:\\nstowage: .*in use by process ${known} on .*\\n$`),
    );
    expectWhole(await pullBlob(mirror, blob), blob);
  });

  test.each([
    ['by itself', []],
    ['in a container', contained],
  ])('is free again as soon as its owner, %s, was killed', async (_where, under) => {
    const mirror = await startOwner(under);
    for (let n = 0; n < 3; n += 1) {
      const exited = mirror.exited;
      const inner = under.length > 0 ? childOf(mirror.pid) : mirror.pid;
      process.kill(inner, 'SIGKILL');
      await exited;
      await mirror.start();
      expectWhole(await pullBlob(mirror, blob), blob);
    }
  });
});

/** The one process that this one has started. */
function childOf(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim());
}
