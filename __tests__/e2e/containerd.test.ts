import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { startContainerd, writeHosts, type Containerd } from './support/containerd.ts';
import { createStage, type Stage } from './support/stage.ts';
import { describeWith } from './support/describe-with.ts';

describeWith({ programs: ['docker-registry', 'containerd', 'ctr', 'busybox'], root: true }, 'containerd', () => {
  let stage: Stage;
  let containerd: Containerd;
  let hosts: string;
  beforeAll(async () => {
    stage = await createStage();
    const directory = stage.directoryFor('ctd');
    containerd = await startContainerd(directory);
    stage.onClose(containerd.stop);
    hosts = writeHosts(directory, stage.mirror.url);
  });
  afterAll(async () => {
    await stage?.close();
  });

  async function pullAll(): Promise<void> {
    const { deep, large, multiPlatform, dockerList, signed } = stage.images;
    for (const { name } of [deep, large, multiPlatform, dockerList]) {
      await containerd.ctr('images', 'pull', '--snapshotter', 'native', '--hosts-dir', hosts, name);
    }
    // By digest, of a repository that the mirror has not seen by tag in the cold run.
    const byDigest = `docker.io/${signed.repository}@${signed.image.manifest.descriptor.digest}`;
    await containerd.ctr('images', 'pull', '--snapshotter', 'native', '--hosts-dir', hosts, byDigest);
  }

  test('pulls through hosts.toml, cold, then warm without upstream', async () => {
    await pullAll();
    const names = (await containerd.ctr('images', 'ls', '--quiet')).trim().split('\n');
    expect(names).toHaveLength(5);
    await containerd.ctr('images', 'rm', '--sync', ...names);
    expect((await containerd.ctr('content', 'ls', '--quiet')).trim()).toBe('');
    await stage.upstream.stop();
    await pullAll();
  }, 180_000);
});
