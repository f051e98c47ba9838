import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { startDockerd, type Dockerd } from './support/dockerd.ts';
import { greeting } from './support/images.ts';
import { createStage, type Stage } from './support/stage.ts';
import { describeWith } from './support/describe-with.ts';

const programs = ['docker-registry', 'containerd', 'ctr', 'dockerd', 'docker', 'runc', 'busybox'];

describeWith({ programs, root: true }, 'dockerd', () => {
  let stage: Stage;
  let dockerd: Dockerd;
  beforeAll(async () => {
    stage = await createStage();
    dockerd = await startDockerd(stage.directoryFor('d'), stage.mirror.url);
    stage.onClose(dockerd.stop);
  }, 120_000);
  afterAll(async () => {
    await stage?.close();
  }, 60_000);

  async function pullAll(): Promise<void> {
    const { deep, large, multiPlatform, dockerList, runnable, signed } = stage.images;
    for (const { repository, tag } of [deep, large, multiPlatform, dockerList, runnable]) {
      // As users type it: neither docker.io nor library.
      await dockerd.docker('pull', `${repository.replace('library/', '')}:${tag}`);
    }
    await dockerd.docker('pull', `${signed.repository}@${signed.image.manifest.descriptor.digest}`);
    const digests = await dockerd.docker('image', 'inspect', '--format', '{{json .RepoDigests}}', 'deep:1.0');
    expect(JSON.parse(digests)).toEqual([`deep@${deep.image.manifest.descriptor.digest}`]);
    const layers = await dockerd.docker('image', 'inspect', '--format', '{{len .RootFS.Layers}}', 'deep:1.0');
    expect(layers.trim()).toBe('40');
  }

  test('pulls through registry-mirrors, cold, then warm without upstream', async () => {
    await pullAll();
    const ids = (await dockerd.docker('images', '--quiet', '--no-trunc')).trim().split('\n');
    expect(ids).toHaveLength(6);
    await dockerd.docker('rmi', '--force', ...ids);
    expect((await dockerd.docker('images', '--quiet')).trim()).toBe('');
    await stage.upstream.stop();
    await pullAll();
  }, 300_000);

  test('runs an image that came through the mirror', async () => {
    await stage.upstream.start();
    const output = await dockerd.docker('run', '--rm', '--network', 'none', 'runnable:1.0');
    expect(output.trim()).toBe(greeting);
  }, 60_000);
});
