import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createContainersClient, type ContainersClient } from './support/containers.ts';
import { createStage, type Stage } from './support/stage.ts';
import { describeWith } from './support/describe-with.ts';

describeWith({ programs: ['docker-registry', 'podman', 'busybox'], root: true }, 'podman', () => {
  let stage: Stage;
  let client: ContainersClient;
  beforeAll(async () => {
    stage = await createStage();
    client = createContainersClient(stage.directoryFor('podman'), stage.mirror.host);
  });
  afterAll(async () => {
    await stage?.close();
  });

  async function pullAll(): Promise<void> {
    const { deep, large, multiPlatform, dockerList, signed } = stage.images;
    for (const { name } of [deep, large, multiPlatform, dockerList]) await client.podman('pull', name);
    await client.podman('pull', '--tls-verify=false', `${stage.mirror.host}/${signed.name}`);
    const layers = await client.podman('image', 'inspect', '--format', '{{len .RootFS.Layers}}', deep.name);
    expect(layers.trim()).toBe('40');
  }

  test('pulls through registries.conf and through the path prefix, cold, then warm without upstream', async () => {
    await pullAll();
    await client.podman('rmi', '--all', '--force');
    expect((await client.podman('images', '--quiet')).trim()).toBe('');
    await stage.upstream.stop();
    await pullAll();
  }, 180_000);
});
