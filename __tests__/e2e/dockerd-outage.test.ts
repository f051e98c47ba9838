import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { describeWith } from './support/describe-with.ts';
import { startDockerd, type Dockerd } from './support/dockerd.ts';
import { pushImage } from './support/push.ts';
import { createStage, type Stage } from './support/stage.ts';

const programs = ['docker-registry', 'containerd', 'ctr', 'dockerd', 'docker', 'runc'];

describeWith({ programs, root: true }, 'dockerd in an outage', () => {
  let stage: Stage;
  let dockerd: Dockerd;
  beforeAll(async () => {
    // Every pull wants to know where the tag is now.
    stage = await createStage({ cache: { tagTtl: '1ms' } });
    dockerd = await startDockerd(stage.directoryFor('d'), stage.mirror.url);
    stage.onClose(dockerd.stop);
    await pullByTag();
  }, 120_000);
  afterAll(async () => {
    await stage?.close();
  }, 60_000);

  /** From the mirror, not from what the daemon still has. */
  async function pullByTag(): Promise<void> {
    const { deep, multiPlatform } = stage.images;
    for (const { repository, tag, image } of [deep, multiPlatform]) {
      const name = repository.replace('library/', '');
      await dockerd.docker('pull', `${name}:${tag}`);
      const digests = await dockerd.docker('image', 'inspect', '--format', '{{json .RepoDigests}}', `${name}:${tag}`);
      expect(JSON.parse(digests)).toEqual([`${name}@${image.manifest.descriptor.digest}`]);
      await dockerd.docker('rmi', '--force', `${name}:${tag}`);
    }
  }

  const staleAnswers = (): number => stage.mirror.output().match(/"outcome":"stale"/g)?.length ?? 0;

  test('pulls a warm image by tag while the upstream process is dead', async () => {
    await stage.upstream.stop();
    await pullByTag();
    expect(staleAnswers()).toBeGreaterThan(0);
  }, 120_000);

  test('pulls it again after a restart of the mirror, with the upstream still dead', async () => {
    await stage.mirror.stop();
    const before = staleAnswers();
    await stage.mirror.start();
    await pullByTag();
    expect(staleAnswers()).toBeGreaterThan(before);
  }, 120_000);

  test('pulls what has moved when the upstream is back', async () => {
    await stage.upstream.start();
    const { deep, large } = stage.images;
    await pushImage(stage.upstream.url, deep.repository, deep.tag, large.image);
    const name = `${deep.repository.replace('library/', '')}:${deep.tag}`;
    const wanted = large.image.manifest.descriptor.digest;
    let digests = '';
    // Until the mirror has found out that the upstream is back, it gives the old one.
    for (let tries = 0; tries < 60 && !digests.includes(wanted); tries++) {
      await dockerd.docker('pull', name);
      digests = await dockerd.docker('image', 'inspect', '--format', '{{json .RepoDigests}}', name);
    }
    expect(digests).toContain(wanted);
  }, 120_000);
});
